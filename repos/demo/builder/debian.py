"""Debian's side: which .debs there are, fetching them, and reading them."""

import hashlib
import os
import re
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from .errors import DemoError
from .processes import run

# apt's own name for an architecture, and what yum calls it.
BASEARCH = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class Deb:
    """One binary package as apt offers it now."""

    name: str
    version: str
    file: str
    sha256: str
    size: int


def host_basearch():
    architecture = run(["dpkg", "--print-architecture"], "cannot tell this machine's architecture").strip()
    if architecture not in BASEARCH:
        raise DemoError(f"the demo distribution can't be made on {architecture}", f"use {' or '.join(BASEARCH)}")
    return BASEARCH[architecture]


def candidates(names):
    """What apt would download for each of the names: name → Deb."""
    printed = run(["apt-get", "download", "--print-uris", *sorted(names)], "apt doesn't know all packages",
                  "apt-get update, or correct packages.txt")
    found = {}
    for uri, file, size, digest in re.findall(r"'(\S+)' (\S+) (\d+) SHA256:(\w+)", printed):
        name, version, _ = unquote(file).split("_")
        found[name] = Deb(name, version, file, digest, int(size))
    missing = sorted(set(names) - set(found))
    if missing:
        raise DemoError(f"apt gives no SHA256 for {', '.join(missing)}", "apt-get update")
    return found


def download(debs, folder, phase):
    """Fetches into `folder` what it doesn't hold yet. A file in it is whole: it was verified, then renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as part:
        process = subprocess.Popen(
            ["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", *(f"{deb.name}={deb.version}" for deb in debs)],
            cwd=part, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in process.stdout:
            if line.startswith("Get:"):
                phase.step(line.split()[4] if len(line.split()) > 4 else "")
        complaint = process.stderr.read().strip()
        if process.wait() != 0:
            raise DemoError(f"cannot download from Debian: {complaint.splitlines()[-1] if complaint else 'apt-get failed'}",
                            "apt-get update, or look at the network")
        for deb in debs:
            arrived = Path(part, deb.file)
            if sha256(arrived) != deb.sha256:
                raise DemoError(f"\"{deb.file}\" is not what apt promised: its SHA256 differs", "apt-get update")
            os.replace(arrived, folder / deb.file)


def sha256(file):
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class Archive:
    """One .deb file opened for reading."""

    def __init__(self, file):
        self.file = file

    def control(self):
        """Its control fields, and its list of conffiles."""
        text = {}
        with self._members("--ctrl-tarfile") as tar:
            for member in tar:
                if member.name in ("./control", "./conffiles"):
                    text[member.name] = tar.extractfile(member).read().decode()
        return fields(text["./control"]), text.get("./conffiles", "").split("\n")

    def members(self):
        """Its payload, as an open tar stream: read each member before the next."""
        return self._members("--fsys-tarfile")

    def _members(self, option):
        return TarStream(["dpkg-deb", option, str(self.file)])


class TarStream:
    """The tar that a command writes, for the length of a `with` statement."""

    def __init__(self, command):
        self.command = command

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE)
        self.tar = tarfile.open(fileobj=self.process.stdout, mode="r|", bufsize=1 << 18)
        return self.tar

    def __exit__(self, kind, *_):
        if kind is None:
            while self.process.stdout.read(1 << 18):
                pass
        self.tar.close()
        self.process.stdout.close()
        if self.process.wait() != 0 and kind is None:
            raise DemoError(f"cannot read \"{self.command[-1]}\"", "remove that file")


def fields(control):
    """RFC 822 style control fields; a continued field keeps its line breaks."""
    found, name = {}, None
    for line in control.splitlines():
        if line[:1].isspace():
            found[name] += "\n" + line[1:]
        elif ":" in line:
            name, _, value = line.partition(":")
            found[name] = value.strip()
    return found


def relations(value):
    """A Depends field as a list of alternatives, names only."""
    groups = [clause.split("|") for clause in value.split(",") if clause.strip()]
    return [[re.match(r"[\w.+-]+", name.strip()).group() for name in group] for group in groups]
