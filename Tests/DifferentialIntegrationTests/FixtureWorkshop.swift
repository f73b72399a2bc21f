import FoundationEssentials
import Glibc
import Layers
import Model
import System
import SystemPackage

/// Makes repositories of real packages out of fixtures, all of them together: one rpmbuild makes hundreds of packages.
struct FixtureWorkshop {
    let directory: FilePath

    func folder(_ fixture: Fixture) -> FilePath { directory.appending(fixture.name) }
    func folder(_ repository: Fixture.Repository, of fixture: Fixture) -> FilePath {
        folder(fixture).appending(repository.id)
    }
    func configuration(_ fixture: Fixture) -> FilePath { folder(fixture).appending("yum.conf") }
    /// The root that holds what is installed already; for the others an empty one.
    func root(_ fixture: Fixture) -> FilePath { folder(fixture).appending("root") }

    /// A request's words with the packages' files by their paths.
    func words(_ request: [String], _ fixture: Fixture) throws -> [String] {
        try request.map { word in
            guard word.hasPrefix("file:") else { return word }
            let parts = word.dropFirst("file:".count).split(separator: "/").map(String.init)
            guard parts.count == 2, let nevra = NEVRA(parts[1]) else { throw FixtureFailure("\(word) is not file:REPO/NEVRA") }
            return folder(fixture).appending(parts[0]).appending("\(Self.stem(of: nevra)).rpm").string
        }
    }

    /// As `_build_name_fmt` below has it.
    private static func stem(of nevra: NEVRA) -> String {
        "\(nevra.name)-\(nevra.epoch)-\(nevra.version)-\(nevra.release).\(nevra.arch)"
    }

    func build(_ fixtures: [Fixture]) throws {
        var specs: [String: [String]] = [:]
        var indexing: [String] = []
        for fixture in fixtures {
            for repository in fixture.repositories {
                let folder = folder(repository, of: fixture)
                try Files.makeDirectory(folder)
                for (target, texts) in Self.specs(repository.packages, into: folder) {
                    for (number, text) in texts.enumerated() {
                        let path = "\(folder)-\(target)-\(number).spec"
                        try Files.write(text, to: FilePath(path))
                        specs[target, default: []].append(path)
                    }
                }
                indexing.append(try indexCommand(repository, in: folder))
            }
            try Files.write(yumConfiguration(fixture), to: configuration(fixture))
            try Files.makeDirectory(root(fixture))
        }
        for (target, paths) in specs { try buildPackages(paths, target: target) }
        try parallel(indexing)
        try parallel(fixtures.filter { !$0.installed.isEmpty }.map(installCommand))
    }

    // MARK: - Packages

    /// Packages of one name and architecture can't share a spec, so the first of each go into one, the second into another.
    private static func specs(_ packages: [Fixture.Package], into folder: FilePath) -> [String: [String]] {
        var result: [String: [String]] = [:]
        var counts: [String: Int] = [:]
        for package in packages {
            let target = package.nevra.arch == "noarch" ? "x86_64" : package.nevra.arch
            let number = counts["\(package.nevra.name) \(target)", default: 0]
            counts["\(package.nevra.name) \(target)"] = number + 1
            if result[target, default: []].count == number {
                result[target, default: []].append(
                    """
                    %global _rpmdir \(folder)
                    Name: carrier
                    Version: 1
                    Release: 1
                    Summary: Has no files, so it is not built
                    License: none
                    %description
                    None.

                    """)
            }
            result[target]![number] += section(package)
        }
        return result
    }

    private static func section(_ package: Fixture.Package) -> String {
        let nevra = package.nevra
        return """
            %package -n \(nevra.name)
            Epoch: \(nevra.epoch)
            Version: \(nevra.version)
            Release: \(nevra.release)
            Summary: The \(nevra.name) package
            AutoReqProv: no
            \(nevra.arch == "noarch" ? "BuildArch: noarch" : "")
            \(package.tags.joined(separator: "\n"))
            %description -n \(nevra.name)
            None.
            %files -n \(nevra.name)
            \(package.files.map { "%ghost %attr(644,root,root) \($0)" }.joined(separator: "\n"))

            """
    }

    private func buildPackages(_ specs: [String], target: String) throws {
        // Each rpmbuild has a share: parsing is most of its work.
        let shares = (0..<2).map { share in specs.indices.filter { $0 % 2 == share }.map { specs[$0] } }.filter { !$0.isEmpty }
        try parallel(
            shares.map { share in
                """
                rpmbuild -bb --quiet --target \(target)-linux --define "_topdir \(directory)/rpmbuild-$$" \
                --define '_binary_payload w1.gzdio' --define '_build_name_fmt %%{NAME}-%%{EPOCH}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' \
                \(share.joined(separator: " ")) 2>&1
                """
            })
    }

    /// Runs shell commands two at a time; all must succeed.
    private func parallel(_ commands: [String]) throws {
        guard !commands.isEmpty else { return }
        let input = commands.joined(separator: "\0")
        let output = try runProgram(["xargs", "-0", "-P", "2", "-n", "1", "sh", "-ec"], input: Array(input.utf8))
        guard output.status.succeeded else {
            throw FixtureFailure(
                "\(commands[0].prefix(60)) …: \(output.text.suffix(2000))\n\(output.standardError.suffix(2000))")
        }
    }

    // MARK: - Metadata

    private func indexCommand(_ repository: Fixture.Repository, in folder: FilePath) throws -> String {
        var command = "createrepo_c -q --no-database --workers 1 "
        if !repository.groups.isEmpty || !repository.environments.isEmpty {
            try Files.write(Self.comps(repository), to: FilePath("\(folder)-comps.xml"))
            command += "--groupfile \(folder)-comps.xml "
        }
        command += folder.string
        if !repository.modules.isEmpty {
            let documents = repository.modules.map { "---\n\($0)...\n" }.joined()
            try Files.write(documents, to: FilePath("\(folder)-modules.yaml"))
            command += " && modifyrepo_c --mdtype=modules \(folder)-modules.yaml \(folder)/repodata > /dev/null"
        }
        return command
    }

    private static func comps(_ repository: Fixture.Repository) -> String {
        var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<comps>\n"
        for group in repository.groups {
            text += "<group><id>\(group.id)</id><name>Group \(group.id)</name><description/><default>false</default>"
            text += "<uservisible>true</uservisible><packagelist>\(group.members.joined())</packagelist></group>\n"
        }
        for environment in repository.environments {
            text += "<environment><id>\(environment.id)</id><name>Environment \(environment.id)</name><description/>"
            text += "<grouplist>\(environment.groups.map { "<groupid>\($0)</groupid>" }.joined())</grouplist><optionlist>"
            for option in environment.options {
                text += "<groupid\(option.isDefault ? " default=\"true\"" : "")>\(option.id)</groupid>"
            }
            text += "</optionlist></environment>\n"
        }
        return text + "</comps>\n"
    }

    // MARK: - Settings and roots

    /// The one file that both programs read. Where their built-in defaults differ it says the value.
    private func yumConfiguration(_ fixture: Fixture) -> String {
        let stated = Set(fixture.options.map { $0.prefix { $0 != "=" } })
        let defaults = ["best=1", "install_weak_deps=0", "gpgcheck=0"].filter { !stated.contains($0.prefix { $0 != "=" }) }
        var lines = ["[main]"] + defaults + fixture.options
        for repository in fixture.repositories {
            lines += ["[\(repository.id)]", "name=\(repository.id)", "baseurl=file://\(folder(repository, of: fixture))"]
            lines += repository.options
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func installCommand(_ fixture: Fixture) -> String {
        let root = root(fixture)
        let files = fixture.installed.map { nevra in
            "'\(folder(fixture))'/*/\(Self.stem(of: nevra)).rpm"
        }
        return """
            mkdir -p \(root)/var/lib/rpm && ln -s var/lib/rpm \(root)/.rpmdb
            rpm --root \(root) --dbpath /var/lib/rpm -i --justdb --nodeps --noscripts --nosignature --ignorearch \(files.joined(separator: " "))
            """
    }
}
