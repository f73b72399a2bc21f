"""The spec file of one RPM."""

import re

from .debian import relations

# Dependencies that would drag perl, python or a second shell in; the ELF ones are what counts.
NOT_REQUIRED = r"^(/.*|perl.*|python.*|pkgconfig.*)$"

GROUPS = {
    "libs": "System Environment/Libraries", "admin": "System Environment/Base", "net": "Applications/Internet",
    "shells": "System Environment/Shells", "utils": "Applications/System", "text": "Applications/Text",
    "editors": "Applications/Editors", "doc": "Documentation", "web": "Applications/Internet",
}

PREAMBLE = """\
%global debug_package %{{nil}}
%global _build_id_links none
%global __os_install_post %{{nil}}
%global __spec_install_pre %{{___build_pre}}
%global __requires_exclude {not_required}
%global __provides_exclude ^(perl\\\\(.*|pkgconfig.*|metainfo.*|application.*|mimehandler.*)$
%global _docdir_fmt %{{NAME}}
%global _buildhost demo.invalid
%global _binary_payload w{level}.zstdio
%global _binaries_in_noarch_packages_terminate_build 0
%global use_source_date_epoch_as_buildtime 1
%global clamp_mtime_to_source_date_epoch 1
%global source_date_epoch_from_changelog 0
"""

DEPENDENCY_TAGS = {
    "requires": "Requires", "requires_pre": "Requires(pre)", "requires_post": "Requires(post)", "recommends": "Recommends",
    "provides": "Provides", "conflicts": "Conflicts", "obsoletes": "Obsoletes",
}


class SpecWriter:
    """Knows what all packages need to know of each other: who holds which .deb, which directories are shared."""

    def __init__(self, distribution, shared, level):
        self.distribution = distribution
        self.shared = shared                    # directories that filesystem owns
        self.level = level
        self.owners, self.virtual = {}, {}      # .deb (or what one provides) → RPM

    def learn(self, package, tree):
        for fields in tree.controls:
            if not package.get("only"):
                self.owners[fields["Package"]] = package.name
                for alternatives in relations(fields.get("Provides", "")):
                    self.virtual.setdefault(alternatives[0], package.name)

    def write(self, package, tree):
        version, release = self.version(package, tree)
        arch = "noarch" if all(fields["Architecture"] == "all" for fields in tree.controls) else None
        parts = [PREAMBLE.format(not_required=NOT_REQUIRED, level=self.level), self.tags(package, tree, version, release)]
        if arch:
            parts.append(f"BuildArch: {arch}\n")
        parts.append("".join(f"{tag}: {value}\n" for tag, value in self.dependencies(package, tree)))
        parts.append(f"\n%description\n{self.description(package, tree)}\n")
        for scriptlet in package.scriptlets():
            parts.append(f"\n%{scriptlet.kind} {scriptlet.arguments}".rstrip() + f"\n{escape_macros(scriptlet.text)}\n")
        parts.append("\n%files\n" + "".join(self.file_lines(package, tree)))
        parts.append(f"\n%changelog\n{self.changelog(package, tree, version, release)}\n")
        return "".join(parts)

    def version(self, package, tree):
        """Debian's version without its epoch, split at the last hyphen; ours end in .demo12 (and .1 in updates)."""
        text = package.get("version", "") or tree.controls[0]["Version"].split(":")[-1]
        version, _, revision = text.rpartition("-") if "-" in text else (text, "", "1")
        dist = f".demo{self.distribution['releasever']}"
        return version.replace("-", "."), package.get("release", revision) + dist + (".1" if package.update else "")

    def tags(self, package, tree, version, release):
        fields = tree.controls[0] if tree.controls else {}
        summary = package.get("summary", "") or fields["Description"].split("\n")[0]
        group = GROUPS.get(fields.get("Section", "").split("/")[-1], "System Environment/Base")
        text = (f"Name: {package.name}\nVersion: {version}\nRelease: {release}\nSummary: {escape_macros(capitalised(summary))}\n"
                f"License: {package.license}\nGroup: {group}\nVendor: {self.distribution['vendor']}\n"
                f"Packager: {self.distribution['packager']}\n")
        return text + (f"URL: {fields['Homepage']}\n" if "Homepage" in fields else "")

    def description(self, package, tree):
        if package.get("description", ""):
            return package.get("description").strip()
        if not tree.controls:
            return package.get("summary") + "."
        body = tree.controls[0]["Description"].split("\n")[1:]
        return escape_macros("\n".join("" if line.strip() == "." else line for line in body).strip("\n"))

    def dependencies(self, package, tree):
        """Debian's Depends by name where the distribution holds the package, then what package.toml adds."""
        strong, early = set(), set()
        for fields in tree.controls:
            strong |= self.names(fields.get("Depends", ""), package)
            early |= self.names(fields.get("Pre-Depends", ""), package)
        for name in sorted((strong | early) - set(package.get("not_requires"))):
            yield "Requires", name
        if package.get("services"):
            yield "Requires(post)", "systemd"
        for key, tag in DEPENDENCY_TAGS.items():
            for value in package.get(key):
                yield tag, value

    def names(self, value, package):
        found = set()
        for alternatives in relations(value):
            known = [self.owners.get(name) or self.virtual.get(name) for name in alternatives]
            found |= set([name for name in known if name][:1])
        return found - {package.name}

    def file_lines(self, package, tree):
        entries = dict(tree.entries)
        for path in sorted(entries):
            entry = entries[path]
            if entry.kind == "dir" and path in self.shared and package.name != "filesystem":
                continue
            yield file_line(path, entry)

    def changelog(self, package, tree, version, release):
        made_of = ", ".join(f"{fields['Package']} {fields['Version']}" for fields in tree.controls)
        news = [f"- {line}" for line in package.get("changelog")]
        news.append(f"- Made of Debian's {made_of}" if made_of else "- Written for the demo distribution")
        date = self.distribution["changelog_date"]
        return escape_macros(f"* {date} {self.distribution['packager']} - {version}-{release}\n" + "\n".join(news))


def file_line(path, entry):
    attributes = entry.attributes
    words = [language(path)]
    if entry.config:
        words.append("%config(noreplace)")
    if attributes.get("ghost"):
        words.append("%ghost")
    if "verify" in attributes:
        words.append(f"%verify({attributes['verify']})")
    if "caps" in attributes:
        words.append(f"%caps({attributes['caps']})")
    if path.startswith("/usr/share/licenses/") and entry.kind == "file":
        words.append("%license")
    mode = "-" if entry.kind == "link" else f"{entry.mode:04o}"
    words.append(f"%attr({mode},{entry.user},{entry.group})")
    if entry.kind == "dir":
        words.append("%dir")
    return " ".join(word for word in [*words, quoted(path)] if word) + "\n"


def language(path):
    """%lang for translations, so that a root can do without those it doesn't want."""
    found = re.match(r"/usr/share/(?:locale|man)/([a-z]{2,3}(?:_[A-Z]{2})?(?:@\w+)?)(?:\.[\w-]+)?(?:/|$)", path)
    return f"%lang({found[1]})" if found and not re.match(r"man\d", found[1]) else ""


def quoted(path):
    """A path as %files wants it: in quotes nothing is a pattern, but a macro still is one."""
    return f'"{escape_macros(path)}"'


def escape_macros(text):
    return text.replace("%", "%%")


def capitalised(summary):
    return summary[:1].upper() + summary[1:]


def shared_directories(trees):
    """Directories that more than one package holds: filesystem owns them."""
    holders = {}
    for name, tree in trees.items():
        for path, entry in tree.entries.items():
            if entry.kind == "dir":
                holders.setdefault(path, []).append((name, entry))
    shared = {}
    for path, found in holders.items():
        if len(found) > 1 or found[0][0] == "filesystem":
            special = [entry for name, entry in found if (entry.mode, entry.user, entry.group) != (0o755, "root", "root")]
            shared[path] = special[0] if special else found[0][1]
    return shared
