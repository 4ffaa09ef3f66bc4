"""The installed packages as ``requirements.txt``, read without pip."""

import json
from pathlib import Path

from espnet3_runtime.atomic import write_text
from espnet3_runtime.incremental.provenance import Installed, installed_distributions
from espnet3_runtime.process.redact import redact


def write_requirements(path: Path) -> int:
    """Write every installed distribution, pinned; return how many there are.

    A distribution from a URL or a repository is pinned to it (PEP 610); one installed in editable
    mode is written as a comment, because its directory exists on this machine only.
    """
    lines = sorted(map(_requirement_line, installed_distributions().values()), key=str.lower)
    write_text(path, "\n".join(lines) + "\n")
    return len(lines)


def _requirement_line(found: Installed) -> str:
    pinned = f"{found.name}=={found.version}"
    try:
        origin = json.loads(found.distribution.read_text("direct_url.json") or "{}")
    except ValueError:
        origin = {}
    url = redact(str(origin.get("url", "")), ())
    if origin.get("dir_info") is not None or url.startswith("file:"):
        return f"# {pinned}  (from a local directory)"
    if "vcs_info" in origin:
        vcs = origin["vcs_info"]
        return f"{found.name} @ {vcs.get('vcs', 'git')}+{url}@{vcs.get('commit_id', '')}"
    return f"{found.name} @ {url}" if url else pinned
