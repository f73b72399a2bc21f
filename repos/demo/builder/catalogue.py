"""What the distribution holds: packages.txt, and packages/NAME for what its columns can't say."""

import hashlib
import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from .errors import DemoError

HERE = Path(__file__).resolve().parent.parent
SCRIPTLETS = ("pretrans", "pre", "post", "preun", "postun", "posttrans", "transfiletriggerin")
DEPENDENCIES = ("requires", "requires_pre", "requires_post", "recommends", "provides", "conflicts", "obsoletes", "not_requires")
KEYS = {"summary", "description", "version", "release", "only", "without", "files", "changelog", "services", *DEPENDENCIES}
FILE_KEYS = {"mode", "user", "group", "caps", "verify", "config", "ghost", "dir", "link"}

# What a package does for the services that it names: they are started or not as the presets say, and restarted by an
# update. As EL's macros %systemd_post, %systemd_preun and %systemd_postun_with_restart.
SERVICES = {
    "post": "if [ $1 -eq 1 ]; then\n    systemctl --no-reload preset {units} >/dev/null 2>&1 || :\nfi",
    "preun": "if [ $1 -eq 0 ]; then\n    systemctl --no-reload disable --now {units} >/dev/null 2>&1 || :\nfi",
    "postun": "if [ $1 -ge 1 ]; then\n    systemctl try-restart {units} >/dev/null 2>&1 || :\nfi",
}


@dataclass
class Scriptlet:
    """One scriptlet: its kind, its text, and the arguments of its line in the spec (`-p <lua>`, `-- /usr/lib`)."""

    kind: str
    arguments: str
    text: str


@dataclass
class Package:
    """One RPM as the catalogue describes it."""

    name: str
    license: str
    debs: list
    folders: list                           # where its root/ and its scriptlets are, the last one wins
    settings: dict = field(default_factory=dict)
    update: bool = False                    # belongs to the updates repository

    @property
    def by_hand(self):
        return not self.debs

    def get(self, key, default=()):
        return self.settings.get(key, default)

    def takes(self, path):
        """Whether a file of its .debs belongs to this package (others may share them)."""
        only = self.get("only", ["*"])
        return matches(path, only) and not matches(path, self.get("without"))

    def overlays(self):
        """The hand-written files, as (path in the root, file here)."""
        found = {}
        for folder in self.folders:
            root = folder / "root"
            for file in sorted(root.rglob("*")) if root.is_dir() else ():
                if file.is_symlink() or file.is_file():
                    found["/" + str(file.relative_to(root))] = file
        return found

    def scriptlets(self):
        """Scriptlets lie beside package.toml as KIND.sh or KIND.lua; a first line `#: …` gives arguments."""
        found = {}
        for folder in self.folders:
            for kind in SCRIPTLETS:
                for suffix, interpreter in ((".sh", ""), (".lua", "-p <lua>")):
                    file = folder / (kind + suffix)
                    if file.exists():
                        found[kind] = read_scriptlet(kind, file.read_text(), interpreter)
        if units := " ".join(self.get("services")):
            for kind, text in SERVICES.items():
                own = found[kind].text + "\n" if kind in found else ""
                found[kind] = Scriptlet(kind, "", own + text.format(units=units))
        return [found[kind] for kind in SCRIPTLETS if kind in found]

    def digest(self):
        """Over everything of it that is written here."""
        text = hashlib.sha256(repr((self.name, self.license, self.debs, self.update, self.settings)).encode())
        for path, file in self.overlays().items():
            content = file.readlink().__bytes__() if file.is_symlink() else file.read_bytes()
            text.update(repr((path, file.lstat().st_mode & 0o100, content)).encode())
        text.update(repr(self.scriptlets()).encode())
        return text.hexdigest()


def read_scriptlet(kind, text, interpreter):
    arguments = interpreter
    if text.startswith("#: "):
        first, text = text.split("\n", 1)
        arguments = f"{interpreter} {first[3:]}".strip()
    return Scriptlet(kind, arguments, text.strip("\n"))


def matches(path, patterns):
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def load():
    """All packages of the distribution, those of the updates repository last."""
    packages = [read_line(number, line) for number, line in enumerate(lines(HERE / "packages.txt"), 1) if line]
    known = {package.name: package for package in packages}
    for folder in sorted(path for path in (HERE / "packages").iterdir() if path.is_dir()):
        if folder.name not in known:
            raise DemoError(f"packages/{folder.name} has no line in packages.txt", "add one, or remove the directory")
    return packages + [update_of(known, folder) for folder in sorted((HERE / "updates").iterdir())]


def lines(file):
    return [line.partition("#")[0].strip() for line in file.read_text().splitlines()]


def read_line(number, line):
    columns = line.split()
    if len(columns) < 3:
        raise DemoError(f"packages.txt, line {number}: three columns are needed, \"{line}\" has {len(columns)}")
    name, license, *debs = columns
    folder = HERE / "packages" / name
    return Package(name, license, [] if debs == ["-"] else debs, [folder], read_settings(folder / "package.toml"))


def update_of(known, folder):
    """The newer build of a package: the same .debs, with what updates/NAME adds or replaces."""
    if folder.name not in known:
        raise DemoError(f"updates/{folder.name} has no line in packages.txt", "add one, or remove the directory")
    old = known[folder.name]
    settings = {**old.settings, **read_settings(folder / "package.toml")}
    return Package(old.name, old.license, old.debs, [*old.folders, folder], settings, update=True)


def read_settings(file):
    if not file.exists():
        return {}
    try:
        settings = tomllib.loads(file.read_text())
    except tomllib.TOMLDecodeError as error:
        raise DemoError(f"{file.relative_to(HERE)}: {error}") from error
    unknown = set(settings) - KEYS
    for path, attributes in settings.get("files", {}).items():
        unknown |= {f"files.\"{path}\".{key}" for key in set(attributes) - FILE_KEYS}
    if unknown:
        raise DemoError(f"{file.relative_to(HERE)}: unknown key {', '.join(sorted(unknown))}")
    return settings
