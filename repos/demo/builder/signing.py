"""The key of the distribution, made on the spot, and what it signs.

The key lives in a GNUPGHOME of its own below the output, so that later builds are signed by the same one. gpg is told a
fixed time: RSA signatures of the same bytes by the same key then are the same bytes.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

from .errors import DemoError
from .processes import run

USER = "Demo distribution (made on this machine, for trying things) <demo@demo.invalid>"
LONGEST_SOCKET_NAME = 107


class Signer:
    """Use it in a `with` statement: its gpg-agent runs for that long."""

    def __init__(self, home, epoch):
        self.home = home
        self.time = datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y%m%dT%H%M%S!")

    def __enter__(self):
        if not self.home.exists():
            self._make_key()
        self.agent = Agent(self.home)
        try:
            listed = self._gpg("--list-keys", "--with-colons").split("\n")
            fingerprints = [line.split(":")[9] for line in listed if line.startswith("fpr:")]
            if len(fingerprints) != 1:
                raise DemoError(f"\"{self.home}\" should hold one key, it holds {len(fingerprints)}", "remove that directory")
            self.fingerprint = fingerprints[0]
            self.public_key = self._gpg("--armor", "--export-options", "export-minimal", "--export", self.fingerprint)
        except BaseException:
            self.agent.stop()
            raise
        return self

    def __exit__(self, *_):
        self.agent.stop()

    def sign_packages(self, files, jobs, phase):
        """Header signatures (version 4, RSA, SHA256); the header holds the digest of the payload."""
        size = max(1, len(files) // (4 * jobs))
        batches = [files[start:start + size] for start in range(0, len(files), size)]
        with ThreadPoolExecutor(jobs) as pool:
            for batch, _ in zip(batches, pool.map(self._sign_batch, batches)):
                for file in batch:
                    phase.step(Path(file).name)

    def sign_detached(self, file):
        """Writes `file`.asc beside it."""
        self._gpg("--armor", "--yes", "--digest-algo", "sha256", "-u", self.fingerprint, "--detach-sign", str(file))

    def _sign_batch(self, files):
        command = ["rpmsign", "--addsign"]
        for macro in (f"__gpg {shutil.which('gpg')}", f"_gpg_name {self.fingerprint}", "_gpg_digest_algo sha256",
                      f"_gpg_sign_cmd_extra_args --batch --faked-system-time {self.time}"):
            command += ["--define", macro]
        run([*command, *map(str, files)], "cannot sign packages", env=self.agent.environment)

    def _make_key(self):
        """Makes it aside: a home that is there holds a key."""
        part = self.home.with_name(".gnupg")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o700)
        self.agent = Agent(part)
        try:
            self._gpg("--passphrase", "", "--quick-generate-key", USER, "rsa3072", "sign", "never")
        finally:
            self.agent.stop()
        part.rename(self.home)

    def _gpg(self, *arguments):
        return run(["gpg", "--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--faked-system-time", self.time,
                    *arguments], "gpg failed", env=self.agent.environment)


class Agent:
    """The gpg-agent of a home: started at once (two gpgs that both want to start it get into each other's way), stopped
    in the end. One that a killed run left is taken over.
    """

    def __init__(self, home):
        self.link_folder = None
        if len(os.fsencode(home)) + len("/S.gpg-agent.browser") > LONGEST_SOCKET_NAME:
            self.link_folder = tempfile.mkdtemp(prefix="demo-gpg-")
            os.symlink(home, os.path.join(self.link_folder, "home"))
            home = Path(self.link_folder, "home")
        self.socket = home / "S.gpg-agent"
        self.environment = {**os.environ, "GNUPGHOME": str(home), "GPG_TTY": "", "LC_ALL": "C.UTF-8"}
        run(["gpgconf", "--launch", "gpg-agent"], "cannot start gpg-agent", env=self.environment)

    def stop(self):
        subprocess.run(["gpgconf", "--kill", "gpg-agent"], env=self.environment, capture_output=True, check=False)
        deadline = time.monotonic() + 2
        while answers(self.socket) and time.monotonic() < deadline:
            time.sleep(0.02)
        if self.link_folder:
            shutil.rmtree(self.link_folder)


def answers(name):
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(str(name)) == 0
