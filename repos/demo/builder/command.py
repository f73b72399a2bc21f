"""The command line of make-demo, and the order of its steps."""

import argparse
import fcntl
import json
import os
import shutil
import signal
import sys
import tempfile
import tomllib
from datetime import datetime, timezone
from pathlib import Path

from . import catalogue, debian, release, repository
from .catalogue import HERE
from .errors import DemoError
from .processes import require_tools, run
from .progress import Progress
from .rpms import Builder, digest, prune, write_whole
from .signing import Signer

KEY_FILE = "RPM-GPG-KEY-demo"

EXAMPLES = """\
examples:
  make-demo                           into repos/demo/build; a minute the first time, a second afterwards
  make-demo --level 19                smaller packages; several minutes
  make-demo --output /srv/demo --release-file /tmp/demo.toml

It needs apt's lists of Debian 12 (apt-get update), no root, and 900 MB on the disk. See repos/demo/README.md.
"""


def main():
    options = parse()
    progress = Progress(options.quiet)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        make(options, progress)
    except DemoError as error:
        progress.rewrite("")
        print(f"make-demo: {error}", file=sys.stderr)
        if error.remedy:
            print(f"  try: {error.remedy}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        progress.rewrite("")
        print("make-demo: interrupted; what was finished is in the cache", file=sys.stderr)
        return 128 + signal.SIGINT
    return 0


def parse():
    parser = argparse.ArgumentParser(
        prog="make-demo", description="Makes a complete, signed RPM distribution out of Debian 12's binary packages.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", metavar="DIR", type=Path, default=HERE / "build", help="where it goes (default: %(default)s)")
    parser.add_argument("--release-file", metavar="FILE", type=Path, default=HERE.parent / "demo.toml",
                        help="the release definition to write (default: %(default)s)")
    parser.add_argument("--level", metavar="N", type=int, default=3,
                        help="zstd level of the payloads, 1 to 19 (default: %(default)s)")
    parser.add_argument("--jobs", metavar="N", type=int, default=len(os.sched_getaffinity(0)),
                        help="packages to work on at once (default: %(default)s, the processors here)")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")
    options = parser.parse_args()
    if not 1 <= options.level <= 19:
        parser.error(f"--level is 1 to 19, not {options.level}")
    if options.jobs < 1:
        parser.error(f"--jobs is 1 or more, not {options.jobs}")
    return options


def make(options, progress):
    require_tools()
    distribution = read_distribution()
    basearch = debian.host_basearch()
    packages = catalogue.load()
    output = options.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    with Lock(output / ".lock"), Signer(output / "gnupg", distribution["source_date_epoch"]) as signer:
        remove_leftovers(output)
        debs = debian.candidates({name for package in packages for name in package.debs})
        inputs = digest([package.digest() for package in packages], sorted(deb.sha256 for deb in debs.values()), options.level,
                        signer.fingerprint, program(), run(["rpmbuild", "--version"], "rpmbuild"))
        stamp = output / "complete.json"
        if not is_complete(output, basearch, stamp, inputs):
            with tempfile.TemporaryDirectory(dir=output, prefix=".work-") as work:
                build(options, progress, distribution, basearch, packages, debs, signer, output, Path(work))
                write_whole(stamp, json.dumps({"inputs": inputs}) + "\n")
        release.write(options.release_file.resolve(), distribution, basearch, output, signer.fingerprint)
        report(progress, output, basearch, signer, options.release_file)


def build(options, progress, distribution, basearch, packages, debs, signer, output, work):
    epoch = distribution["source_date_epoch"]
    pool = output / "cache" / "debs"
    missing = [deb for deb in debs.values() if not is_whole(pool / deb.file, deb.size)]
    if missing:
        with progress.phase("downloading", len(missing)) as phase:
            debian.download(missing, pool, phase)

    key_file = work / "key" / "root" / "etc/pki/rpm-gpg" / KEY_FILE
    key_file.parent.mkdir(parents=True)
    key_file.write_text(signer.public_key)
    next(package for package in packages if package.name == "demo-release").folders.append(work / "key")

    builder = Builder(distribution, debs, pool, output / "cache" / "rpms", work, options.level, options.jobs, progress)
    built = builder.build(packages)

    new = work / "new"
    folders = {False: new / "os" / basearch, True: new / "updates" / basearch}
    files = []
    for update, folder in folders.items():
        files += repository.lay_out(folder, [(name, file) for package, name, file in built if package.update == update], epoch)
    with progress.phase("signing", len(files)) as phase:
        signer.sign_packages(files, options.jobs, phase)
    with progress.phase("indexing", 2) as phase:
        for update, folder in folders.items():
            repository.index(folder, epoch, options.jobs, comps=None if update else HERE / "comps.xml")
            signer.sign_detached(folder / "repodata" / "repomd.xml")
            phase.step(folder.parent.name)

    (output / "complete.json").unlink(missing_ok=True)
    write_whole(output / KEY_FILE, signer.public_key)
    write_whole(output / "fingerprint", signer.fingerprint + "\n")
    repository.publish(new, output, work / "old")
    prune(output / "cache" / "rpms", builder.used)
    prune(pool, {deb.file for deb in debs.values()})


def read_distribution():
    distribution = tomllib.loads((HERE / "distribution.toml").read_text())
    day = datetime.fromtimestamp(distribution["source_date_epoch"], timezone.utc)
    return {**distribution, "changelog_date": day.strftime("%a %b %d %Y")}


def program():
    """Everything that decides what is made and is not a package."""
    files = [*sorted((HERE / "builder").glob("*.py")), HERE / "distribution.toml", HERE / "comps.xml"]
    return [file.read_text() for file in files]


def is_whole(file, size):
    return file.exists() and file.stat().st_size == size


def is_complete(output, basearch, stamp, inputs):
    indexed = all((output / repo / basearch / "repodata" / "repomd.xml.asc").exists() for repo in ("os", "updates"))
    return indexed and stamp.exists() and json.loads(stamp.read_text())["inputs"] == inputs


def remove_leftovers(output):
    """Work directories of a run that was killed: nothing in them is trusted."""
    for folder in output.glob(".work-*"):
        shutil.rmtree(folder)


def report(progress, output, basearch, signer, release_file):
    count = len(list((output / "os" / basearch / "Packages").iterdir()))
    size = repository.size_of(output / "os")
    progress.note(f"{count} packages, {size / 2**20:.0f} MiB, in \"{output}\", signed by {signer.fingerprint[-16:]}")
    progress.note(f"release definition: \"{release_file}\"   {progress.seconds():.1f} s in all")


class Lock:
    """One run at a time for one output."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        self.stream = open(self.file, "w")
        try:
            fcntl.flock(self.stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(f"another make-demo is at work in \"{self.file.parent}\"", "wait for it, or use another --output")

    def __exit__(self, *_):
        self.stream.close()
