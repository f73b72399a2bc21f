"""The one error that make-demo reports in a sentence; any other exception is a bug."""

import shutil
import subprocess


class DemoError(Exception):
    """What went wrong, and what to do about it."""

    def __init__(self, message, remedy=None):
        super().__init__(message)
        self.remedy = remedy


# Ends of lines that tools print on every run, and that are never why one failed.
NOISE = ("00:00:00", "Inappropriate ioctl for device", "gpg exec failed (2)")

# The Debian package that each tool comes from.
TOOLS = {
    "apt-get": "apt",
    "createrepo_c": "createrepo-c",
    "dpkg": "dpkg",
    "dpkg-deb": "dpkg",
    "gpg": "gnupg",
    "gpg-agent": "gpg-agent",
    "gpgconf": "gpgconf",
    "modifyrepo_c": "createrepo-c",
    "rpm": "rpm",
    "rpmbuild": "rpm",
    "rpmsign": "rpm",
}


def require_tools():
    """Throws for the first look at a machine on which something is missing, naming all of it."""
    missing = sorted(tool for tool in TOOLS if not shutil.which(tool))
    if missing:
        packages = " ".join(sorted({TOOLS[tool] for tool in missing}))
        raise DemoError(f"{', '.join(missing)} not found", f"apt-get install {packages}")


def run(command, what, remedy=None, **options):
    """Runs a command to its end and returns its standard output; `what` names the step in an error."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line and not line.endswith(NOISE)]
        raise DemoError(f"{what}: {said[-1] if said else f'exit status {done.returncode}'}", remedy)
    return done.stdout
