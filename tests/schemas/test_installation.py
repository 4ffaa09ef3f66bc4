"""How an extra comes beside what is installed, by where that came from."""

import importlib.metadata
import json

import pytest

from espnet3_schemas.installation import install_command

ARCHIVE = {"archive_info": {"hashes": {}}}
GIT = {"vcs_info": {"vcs": "git", "commit_id": "0" * 40}}


@pytest.mark.parametrize(
    ("origin", "what"),
    [
        (None, "'espnet3-compile[asr]'"),
        ({"url": "file:///src/clone", "dir_info": {}}, "'/src/clone[asr]'"),
        ({"url": "file:///a%20b", "dir_info": {"editable": True}}, "-e '/a b[asr]'"),
        ({"url": "file:///x/some.whl", **ARCHIVE}, "'/x/some.whl[asr]'"),
        ({"url": "https://x.org/y.git", **GIT}, "'espnet3-compile[asr] @ git+https://x.org/y.git'"),
        ({"url": "https://x.org/y.whl", **ARCHIVE}, "'espnet3-compile[asr] @ https://x.org/y.whl'"),
    ],
)
def test_the_command(origin, what, monkeypatch) -> None:
    class Installed:
        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return origin and json.dumps(origin)

    monkeypatch.setattr(importlib.metadata, "distribution", lambda _: Installed())
    assert install_command("asr") == f"pip install {what}"


def test_nothing_is_installed(monkeypatch) -> None:
    def refuse(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", refuse)
    assert install_command("asr") == "pip install 'espnet3-compile[asr]'"
