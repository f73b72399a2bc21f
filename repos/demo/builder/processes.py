"""Other programs: whether they are there, running them, and ending with them."""

import ctypes
import shutil
import signal
import subprocess

from .errors import DemoError

# The Debian package that each tool comes from.
TOOLS = {
    "apt-get": "apt",
    "createrepo_c": "createrepo-c",
    "dpkg": "dpkg",
    "dpkg-deb": "dpkg",
    "gpg": "gnupg",
    "gpg-agent": "gpg-agent",
    "gpgconf": "gpgconf",
    "rpmbuild": "rpm",
    "rpmsign": "rpm",
}

# Ends of lines that tools print on every run, and that are never why one failed.
NOISE = ("00:00:00", "Inappropriate ioctl for device", "gpg exec failed (2)")


def require_tools():
    """Throws at the first step on a machine where something is missing, naming all of it."""
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


def end_with_parent():
    """In a child that was just forked: it goes when make-demo goes, even by SIGKILL, and its copy of the lock with it."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
