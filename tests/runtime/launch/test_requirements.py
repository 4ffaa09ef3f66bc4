"""How each installed package is pinned."""

import json
from pathlib import Path

import pytest

from espnet3_runtime.launch.requirements import write_requirements

ORIGINS = {
    "q_plain": (None, "q_plain==1.0"),
    "q_empty": ("", "q_empty==1.0"),
    "q_broken": ("{", "q_broken==1.0"),
    "q_folder": ({"url": "https://x", "dir_info": {}}, "# q_folder==1.0  (from a local directory)"),
    "q_file": ({"url": "file:///x/y.whl"}, "# q_file==1.0  (from a local directory)"),
    "q_wheel": ({"url": "https://me:pw@host/y.whl"}, "q_wheel @ https://host/y.whl"),
    "q_hg": (
        {"url": "https://me:pw@host/y", "vcs_info": {"vcs": "hg", "commit_id": "abc"}},
        "q_hg @ hg+https://host/y@abc",
    ),
    "q_git": ({"url": "https://host/y", "vcs_info": {}}, "q_git @ git+https://host/y@"),
}


def test_every_origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, (origin, _) in ORIGINS.items():
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        if origin is not None:
            text = origin if isinstance(origin, str) else json.dumps(origin)
            (folder / "direct_url.json").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    count = write_requirements(tmp_path / "requirements.txt")
    lines = (tmp_path / "requirements.txt").read_text().splitlines()
    assert len(lines) == count
    assert lines == sorted(lines, key=str.lower)
    assert {line for line in lines if "q_" in line and line.split("q_")[0] in ("", "# ")} == {
        expected for _, expected in ORIGINS.values()
    }
