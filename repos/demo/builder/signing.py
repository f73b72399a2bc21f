"""The key of the distribution, made on the spot, and what it signs.

The key lives in a GNUPGHOME of its own below the output, so that later builds are signed by the same one. gpg is told a
fixed time: RSA signatures of the same bytes by the same key then are the same bytes.
"""

import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

from .errors import DemoError, run

USER = "Demo distribution (made on this machine, for trying things) <demo@demo.invalid>"


class Signer:
    """Use it in a `with` statement: it leaves no gpg-agent behind."""

    def __init__(self, home, epoch):
        self.home = home
        self.time = datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y%m%dT%H%M%S!")

    def __enter__(self):
        # An agent's socket has at most 107 characters in its name, so gpg gets a short link to the real place.
        self.link_folder = tempfile.mkdtemp(prefix="demo-gpg-")
        self.link = os.path.join(self.link_folder, "home")
        fresh = not self.home.exists()
        if fresh:
            part = self.home.with_name(f".{self.home.name}.part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(mode=0o700, parents=True)
            self._point_at(part)
            self._gpg("--passphrase", "", "--quick-generate-key", USER, "rsa3072", "sign", "never")
            self._stop_agent()
            part.rename(self.home)
        self._point_at(self.home)
        listed = self._gpg("--list-keys", "--with-colons").split("\n")
        fingerprints = [line.split(":")[9] for line in listed if line.startswith("fpr:")]
        if len(fingerprints) != 1:
            raise DemoError(f"\"{self.home}\" should hold one key, it holds {len(fingerprints)}", "remove that directory")
        self.fingerprint = fingerprints[0]
        self.public_key = self._gpg("--armor", "--export-options", "export-minimal", "--export", self.fingerprint)
        # Started by two gpgs at once, the agent may be away for one of them.
        run(["gpgconf", "--launch", "gpg-agent"], "cannot start gpg-agent", env=self._environment())
        return self

    def __exit__(self, *_):
        self._stop_agent()
        shutil.rmtree(self.link_folder, ignore_errors=True)

    def sign_packages(self, files, jobs, phase):
        """Header signatures (version 4, RSA, SHA256); the header holds the digest of the payload."""
        size = max(1, len(files) // (4 * jobs))
        batches = [files[start:start + size] for start in range(0, len(files), size)]
        with ThreadPoolExecutor(jobs) as pool:
            for batch, _ in zip(batches, pool.map(self._sign_batch, batches)):
                for file in batch:
                    phase.step(Path(file).name)

    def _sign_batch(self, files):
        command = ["rpmsign", "--addsign"]
        for macro in (f"__gpg {shutil.which('gpg')}", f"_gpg_name {self.fingerprint}", "_gpg_digest_algo sha256",
                      f"_gpg_sign_cmd_extra_args --batch --faked-system-time {self.time}"):
            command += ["--define", macro]
        run([*command, *map(str, files)], "cannot sign packages", env=self._environment())

    def sign_detached(self, file):
        """`file`.asc beside it."""
        self._gpg("--armor", "--yes", "--digest-algo", "sha256", "-u", self.fingerprint, "--detach-sign", str(file))

    def _point_at(self, home):
        if os.path.islink(self.link):
            os.unlink(self.link)
        os.symlink(home.resolve(), self.link)

    def _gpg(self, *arguments):
        return run(["gpg", "--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--faked-system-time", self.time,
                    *arguments], "gpg failed", env=self._environment())

    def _stop_agent(self):
        if os.path.islink(self.link):
            subprocess.run(["gpgconf", "--kill", "all"], env=self._environment(), capture_output=True, check=False)

    def _environment(self):
        return {**os.environ, "GNUPGHOME": self.link, "GPG_TTY": "", "LC_ALL": "C.UTF-8"}
