# provision: `make demo` shows it, `make test` checks it; both install what they need (scripts/install-dependencies).

PREFIX ?= /usr/local
DESTDIR ?=
# A toolchain that scripts/install-dependencies put into /opt/swift is used where PATH has none.
export PATH := $(PATH):/opt/swift/usr/bin
SWIFT ?= swift
RELEASE_FLAGS = -c release --static-swift-stdlib --product provision -Xlinker -s
SHARE = $(DESTDIR)$(PREFIX)/share

.PHONY: all help dependencies build debug demo demo-distribution test test-checkers unit-test integration-test lint format bench install uninstall man clean

all: build

help: ## What can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dependencies: ## Install what building, running and testing need (Debian; says what)
	@scripts/install-dependencies

build: dependencies ## The release build: .build/release/provision
	$(SWIFT) build $(RELEASE_FLAGS)

debug: dependencies
	$(SWIFT) build --build-tests

demo-distribution: dependencies ## The demo distribution under repos/demo (from its cache the next time)
	@repos/demo/make-demo

demo: build demo-distribution ## Build, make the demo distribution, install, layer and boot it
	@scripts/demo

test: debug unit-test integration-test ## Unit tests (no root, no network), then integration tests (root)

test-checkers: dependencies
	@scripts/python-environment

unit-test: debug
	$(SWIFT) test --skip-build --skip IntegrationTests

integration-test: debug demo-distribution test-checkers
	scripts/own-world $(SWIFT) test --skip-build --no-parallel --filter IntegrationTests

lint: dependencies ## swift-format, strictly
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift

format:
	$(SWIFT) format --in-place --recursive Sources Tests Package.swift

bench: build demo-distribution ## Paired timings: installing beside dnf, containers beside systemd-nspawn
	@Benchmarks/run
	@Benchmarks/containers

man: build ## Manual pages, from the commands' own declarations
	@scripts/make-man .build/release/provision .build/man

install: build man ## Install under PREFIX (default /usr/local)
	install -D -m 755 .build/release/provision $(DESTDIR)$(PREFIX)/bin/provision
	rm -rf $(SHARE)/provision
	install -d $(SHARE)/provision $(SHARE)/man/man1
	cp -R config repos $(SHARE)/provision/
	rm -rf $(SHARE)/provision/repos/demo
	install -m 644 .build/man/*.1 $(SHARE)/man/man1/
	install -d $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions $(SHARE)/fish/vendor_completions.d
	.build/release/provision --generate-completion-script bash > $(SHARE)/bash-completion/completions/provision
	.build/release/provision --generate-completion-script zsh > $(SHARE)/zsh/site-functions/_provision
	.build/release/provision --generate-completion-script fish > $(SHARE)/fish/vendor_completions.d/provision.fish

uninstall:
	rm -rf $(DESTDIR)$(PREFIX)/bin/provision $(SHARE)/provision $(SHARE)/man/man1/provision*.1 \
	    $(SHARE)/bash-completion/completions/provision $(SHARE)/zsh/site-functions/_provision \
	    $(SHARE)/fish/vendor_completions.d/provision.fish

clean:
	rm -rf .build
