"""Progress on standard error: one line that is rewritten on a terminal, a line a phase in a log."""

import shutil
import sys
import time


class Progress:
    def __init__(self, quiet=False, stream=sys.stderr):
        self.quiet = quiet
        self.stream = stream
        self.live = stream.isatty() and not quiet
        self.begun = time.monotonic()

    def phase(self, name, total):
        """A phase of `total` steps, to be used in a `with` statement."""
        return Phase(self, name, total)

    def note(self, text):
        """A line that stays."""
        if not self.quiet:
            self._write(f"\r\033[K{text}\n" if self.live else f"{text}\n")

    def rewrite(self, text):
        if self.live:
            self._write(f"\r\033[K{text[:shutil.get_terminal_size().columns - 1]}")

    def seconds(self):
        return time.monotonic() - self.begun

    def _write(self, text):
        self.stream.write(text)
        self.stream.flush()


class Phase:
    def __init__(self, progress, name, total):
        self.progress, self.name, self.total = progress, name, total
        self.done = 0

    def __enter__(self):
        self.begun = time.monotonic()
        self.progress.rewrite(f"{self.name} …")
        return self

    def step(self, item=""):
        self.done += 1
        bar = "━" * (24 * self.done // max(self.total, 1))
        self.progress.rewrite(f"{self.name:<22}{bar:<24} {self.done}/{self.total} {item}")

    def __exit__(self, kind, error, trace):
        if kind is None:
            seconds = time.monotonic() - self.begun
            self.progress.note(f"{self.name:<22}{self.total:>5}   {seconds:5.1f} s")
        else:
            self.progress.rewrite("")
