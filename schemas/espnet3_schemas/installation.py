"""Which version of this package is installed, and how an extra is beside it."""

import json
import shlex
from urllib.parse import unquote, urlsplit

NAME = "espnet3-compile"


def installed_version() -> str:
    """Return the version of this package; nothing where it runs from its sources alone."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(NAME)
    except PackageNotFoundError:
        return ""


def install_command(extra: str) -> str:
    """Return the command that brings the packages of an extra.

    pip keeps where a package came from (PEP 610): a clone, a wheel, a repository of git; what came
    from an index has its name there.

    Args:
        extra: One of ``[project.optional-dependencies]``.
    """
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        origin = json.loads(distribution(NAME).read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        origin = {}
    return f"pip install {_requirement(extra, origin)}"


def _requirement(extra: str, origin: dict[str, object]) -> str:
    url = str(origin.get("url", ""))
    if url.startswith("file://"):
        what = shlex.quote(f"{unquote(urlsplit(url).path)}[{extra}]")
        info = origin.get("dir_info")
        return f"-e {what}" if isinstance(info, dict) and info.get("editable") else what
    vcs = origin.get("vcs_info")
    where = f"{vcs.get('vcs')}+{url}" if isinstance(vcs, dict) else url
    return shlex.quote(f"{NAME}[{extra}] @ {where}" if where else f"{NAME}[{extra}]")
