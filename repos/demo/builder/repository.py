"""A repository out of signed packages: metadata, groups, the signature of repomd.xml."""

import os
import shutil
from pathlib import Path

from .processes import run


def lay_out(folder, built, epoch):
    """Copies the packages (file name, file) to folder/Packages; returns where they are now."""
    packages = folder / "Packages"
    packages.mkdir(parents=True)
    for name, file in built:
        shutil.copyfile(file, packages / name)
    return [packages / name for name, _ in built]


def index(folder, epoch, jobs, comps=None, advisories=None):
    """Writes repodata. Times come from `epoch` alone, so that the same packages give the same metadata."""
    for file in (folder / "Packages").iterdir():
        os.utime(file, (epoch, epoch))
    command = ["createrepo_c", "--quiet", "--no-database", "--general-compress-type", "gz", "--workers", str(jobs),
               "--revision", str(epoch), "--set-timestamp-to-revision"]
    if comps:
        command += ["--groupfile", str(comps)]
    run([*command, str(folder)], f"cannot index \"{folder}\"", env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)})


def publish(new, output, old):
    """Puts the finished directories into their places; what was there goes to `old`."""
    old.mkdir()
    for folder in sorted(new.iterdir()):
        place = output / folder.name
        if place.exists():
            place.rename(old / folder.name)
        folder.rename(place)


def size_of(folder):
    return sum(file.stat().st_size for file in Path(folder).rglob("*.rpm"))
