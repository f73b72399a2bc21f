"""The release definition that provision reads, and /etc/yum.repos.d of the distribution itself."""

import os
from pathlib import Path
from string import Template

from .catalogue import HERE


def write(target, distribution, basearch, output, fingerprint):
    """Fills release.toml.in; returns whether the file changed."""
    text = Template((HERE / "release.toml.in").read_text()).substitute(
        name=distribution["name"], releasever=distribution["releasever"], basearch_here=basearch,
        output=str(Path(output).resolve()), fingerprint=fingerprint)
    if target.exists() and target.read_text() == text:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}")
    part.write_text(text)
    os.replace(part, target)
    return True
