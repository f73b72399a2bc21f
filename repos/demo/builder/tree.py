"""The files of one RPM: those of its .debs, moved under /usr, and those written by hand."""

import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath

from .catalogue import matches
from .debian import Archive
from .errors import DemoError

# What Debian needs and an RPM distribution has no use for.
DROPPED = (
    "/etc/init.d/*", "/etc/init/*", "/etc/sv/*", "/etc/ufw/*", "/etc/apparmor.d/*", "/etc/insserv*", "/etc/alternatives/*",
    "/usr/share/lintian/*", "/usr/share/bug/*", "/usr/share/apport/*", "/usr/share/doc-base/*", "/usr/share/menu/*",
    "/usr/share/runit/*", "/usr/share/debianutils/*", "/usr/share/initramfs-tools/*", "/usr/share/bash-completion/completions/dpkg*",
    "/usr/share/doc/*/changelog*", "/usr/share/doc/*/NEWS.Debian*", "/usr/share/doc/*/TODO*", "/usr/share/doc/*/AUTHORS*",
    "/etc/modules-load.d/modules.conf", "/usr/share/icons/*", "/usr/share/applications/*", "/usr/share/pixmaps/*", "/usr/share/metainfo/*",
)
MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


@dataclass
class Entry:
    """One path of a package."""

    kind: str                    # file, dir or link
    mode: int
    user: str = "root"
    group: str = "root"
    target: str = ""
    config: bool = False
    listed: bool = False         # named in package.toml: an empty directory then is kept as its own
    attributes: dict = field(default_factory=dict)


@dataclass
class Tree:
    """All of them, and what the control files of the .debs say."""

    entries: dict
    controls: list

    def encode(self):
        return {"entries": {path: asdict(entry) for path, entry in self.entries.items()}, "controls": self.controls}

    @staticmethod
    def decode(value):
        return Tree({path: Entry(**entry) for path, entry in value["entries"].items()}, value["controls"])


def stage(package, archives, root):
    """Lays the files of `package` out below `root` (owners and modes are told by the spec, so no privilege is needed)."""
    tree = Tree({}, [])
    root.mkdir(parents=True)
    for archive in archives:
        fields, conffiles = Archive(archive).control()
        tree.controls.append(fields)
        unpack(package, archive, fields["Package"], {merged(path) for path in conffiles if path}, root, tree.entries)
    for path, file in package.overlays().items():
        place(root, path, tree.entries)
        if file.is_symlink():
            os.symlink(os.readlink(file), inside(root, path))
            tree.entries[path] = Entry("link", 0o777, target=os.readlink(file))
        else:
            shutil.copyfile(file, inside(root, path))
            mode = 0o755 if os.access(file, os.X_OK) else 0o644
            tree.entries[path] = Entry("file", mode, config=path.startswith("/etc/"))
    for path, attributes in package.get("files", {}).items():
        declare(package.name, root, path, attributes, tree.entries)
    drop_empty_directories(root, tree.entries, shared=bool(package.get("only") or package.get("without")))
    return tree


def unpack(package, archive, deb, conffiles, root, entries):
    with Archive(archive).members() as tar:
        for member in tar:
            original = os.path.normpath("/" + member.name)
            path = merged(original)
            if path in ("/", "/usr") or matches(path + "/" * member.isdir(), DROPPED):
                continue
            if path == f"/usr/share/doc/{deb}/copyright":
                path = f"/usr/share/licenses/{package.name}/{deb}.copyright"
            elif not member.isdir() and not package.takes(path):
                continue
            entry = Entry("file", member.mode & 0o7777, member.uname, member.gname, config=path in conffiles)
            if member.isdir():
                inside(root, path).mkdir(parents=True, exist_ok=True)
                entry.kind = "dir"
            elif member.issym():
                entry.kind, entry.target = "link", moved_target(original, path, member.linkname)
                if "/usr/share/doc/" in path:
                    continue
                place(root, path, entries)
                os.symlink(entry.target, inside(root, path))
            elif member.islnk():
                place(root, path, entries)
                os.link(inside(root, merged(os.path.normpath("/" + member.linkname))), inside(root, path))
            else:
                place(root, path, entries)
                with open(inside(root, path), "wb") as out:
                    shutil.copyfileobj(tar.extractfile(member), out, 1 << 18)
                # rpmbuild looks for the libraries of what may be executed, and must be able to read all of it.
                os.chmod(inside(root, path), member.mode & 0o777 | 0o600)
                os.utime(inside(root, path), (member.mtime, member.mtime))
            if entry.kind != "dir" or path not in entries:
                entries[path] = entry


def declare(name, root, path, attributes, entries):
    """Applies one line of [files]: it may change a path that is there, or make a directory, a link or a ghost."""
    attributes = dict(attributes)
    link, directory = attributes.pop("link", None), attributes.pop("dir", False)
    if link is not None:
        place(root, path, entries)
        os.symlink(link, inside(root, path))
        entries[path] = Entry("link", 0o777, target=link)
    elif directory:
        inside(root, path).mkdir(parents=True, exist_ok=True)
        entries[path] = Entry("dir", 0o755, listed=True)
    elif attributes.get("ghost") and path not in entries:
        place(root, path, entries)
        inside(root, path).touch()
        entries[path] = Entry("file", 0o644)
    elif path not in entries:
        raise DemoError(f"packages/{name}/package.toml names \"{path}\", which the package doesn't hold")
    entry = entries[path]
    entry.mode = int(attributes.pop("mode", f"{entry.mode:o}"), 8)
    entry.user, entry.group = attributes.pop("user", entry.user), attributes.pop("group", entry.group)
    entry.config = attributes.pop("config", entry.config)
    entry.attributes = attributes


def merged(path):
    """The place of a path after the merge of /bin, /sbin and /lib* into /usr."""
    return "/usr" + path if path.split("/")[1] in MERGED else path


def moved_target(original, path, target):
    """Where a link of the .deb points to from its new place; relative, so that it also holds when seen from outside."""
    aimed = merged(os.path.normpath(os.path.join(os.path.dirname(original), target)))
    return target if aimed.startswith(("/dev/", "/proc/", "/run/")) else os.path.relpath(aimed, os.path.dirname(path))


def inside(root, path):
    return Path(root, str(PurePosixPath(path).relative_to("/")))


def place(root, path, entries):
    """Makes room for a file: its parents there, nothing at its own place."""
    spot = inside(root, path)
    spot.parent.mkdir(parents=True, exist_ok=True)
    if spot.is_symlink() or spot.exists():
        spot.unlink()
    for parent in list(PurePosixPath(path).parents)[:-1]:
        entries.setdefault(str(parent), Entry("dir", 0o755))


def drop_empty_directories(root, entries, shared):
    """Directories of documentation that held what was dropped, and of a shared .deb what another package takes, go."""
    used = {str(parent) for path, entry in entries.items() if entry.kind != "dir" or entry.listed
            for parent in PurePosixPath(path).parents}
    for path in sorted(entries, reverse=True):
        entry = entries[path]
        empty = entry.kind == "dir" and not entry.listed and path not in used
        if empty and (shared or path.startswith("/usr/share/doc/")):
            inside(root, path).rmdir()
            del entries[path]
