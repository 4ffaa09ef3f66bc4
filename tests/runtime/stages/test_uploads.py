"""upload_model and upload_demo up to the hub: what is uploaded, where, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.bundle import hash_files
from espnet3_runtime.stages.upload_demo import upload_demo
from espnet3_runtime.stages.upload_model import upload_model
from tests.runtime.hub_kit import Repository, hub_here
from tests.runtime.inference_kit import make_context


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A packed bundle and a packed demo, of two files each."""
    for folder in ("bundle", "demo"):
        (tmp_path / folder / "deep").mkdir(parents=True)
        (tmp_path / folder / "deep/one.txt").write_text("12345")
    files = hash_files(tmp_path / "bundle")
    meta = {"format": "espnet3-bundle", "schema_version": 1, "files": files}
    (tmp_path / "bundle/bundle.json").write_text(json.dumps(meta))
    return tmp_path


def upload(
    recipe: Path, stage: str, settings: dict[str, Any] | None, *, packed: bool = True
) -> Any:
    """Run a stage that uploads; return its context and what it returned."""
    role, kind, output, work = {
        "upload_model": ("publication", "pack_model", "bundle", upload_model),
        "upload_demo": ("demo", "pack_demo", "demo", upload_demo),
    }[stage]
    upstream = {"packed." + output: recipe / output} if packed else {}
    context = make_context(
        recipe,
        stage,
        configs={role: {stage: settings}},
        upstream=upstream,
        upstream_kinds={"packed": kind} if packed else {},
    )
    return context, work(context)


@pytest.mark.parametrize(
    ("stage", "settings", "aim"),
    [
        ("upload_model", {}, "public model me/x, which must not exist yet"),
        ("upload_model", {"private": True}, "private model me/x, which must not exist yet"),
        ("upload_model", {"update": True}, "public model me/x, changing it if it exists"),
        ("upload_demo", {}, "public space me/x, which must not exist yet"),
        ("upload_demo", {"hf_repo": "x"}, "public space x, which must not exist yet"),
        (
            "upload_demo",
            {"hf_repo": "x", "organization": "we", "private": True},
            "private space we/x, which must not exist yet",
        ),
        (
            "upload_demo",
            {"hf_repo": "we/x", "organization": "we", "update": True},
            "public space we/x, changing it if it exists",
        ),
    ],
)
def test_a_dry_run(
    stage: str,
    settings: dict[str, Any],
    aim: str,
    recipe: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    context, made = upload(recipe, stage, {"hf_repo": "me/x", "dry_run": True, **settings})
    head, *files = capsys.readouterr().out.splitlines()
    assert head.startswith("dry run, nothing is uploaded: ")
    assert head.endswith(f" to the {aim}:")
    assert files[-1] == "           5  deep/one.txt"
    assert made == {"receipt": context.directory / "upload.json"}
    assert json.loads(made["receipt"].read_text())["dry_run"] is True


@pytest.mark.parametrize(
    ("stage", "settings", "packed", "told"),
    [
        (
            "upload_model",
            None,
            True,
            (
                "there is no destination\n  config: publication.upload_model\n"
                "  help: write upload_model: {hf_repo: <owner>/<name>}"
            ),
        ),
        (
            "upload_demo",
            None,
            True,
            (
                "there is no destination\n  config: demo.upload_demo\n"
                "  help: write upload_demo: {hf_repo: <owner>/<name>}"
            ),
        ),
        (
            "upload_model",
            {"hf_repo": "me/x"},
            False,
            "there is no bundle\n  help: run a stage pack_model before upload_model",
        ),
        (
            "upload_demo",
            {"hf_repo": "me/x"},
            False,
            "there is no demo\n  help: run a stage pack_demo before upload_demo",
        ),
        (
            "upload_demo",
            {"hf_repo": "me/x", "organization": "we", "dry_run": True},
            True,
            '"me/x" does not belong to "we"\n  config: demo.upload_demo.organization',
        ),
        (
            "upload_demo",
            {"hf_repo": "wex/x", "organization": "we", "dry_run": True},
            True,
            '"wex/x" does not belong to "we"\n  config: demo.upload_demo.organization',
        ),
    ],
)
def test_refusals(
    stage: str, settings: dict[str, Any] | None, packed: bool, told: str, recipe: Path
) -> None:
    with pytest.raises(UserError) as caught:
        upload(recipe, stage, settings, packed=packed)
    assert str(caught.value) == told


def test_an_altered_bundle_is_not_uploaded(recipe: Path) -> None:
    (recipe / "bundle/deep/one.txt").write_text("other")
    with pytest.raises(UserError, match=r'^"deep/one\.txt" of the bundle .* was altered'):
        upload(recipe, "upload_model", {"hf_repo": "me/x", "dry_run": True})


@pytest.mark.parametrize(
    ("stage", "settings", "message", "left"),
    [
        ("upload_model", {"update": True}, "Upload tiny/asr tiny", []),
        (
            "upload_model",
            {"update": True, "delete_patterns": ["*.txt"]},
            "Upload tiny/asr tiny",
            ["old.md"],
        ),
        ("upload_demo", {"update": True}, "Upload the demo of tiny/asr tiny", []),
        ("upload_demo", {}, "Upload the demo of tiny/asr tiny", None),
    ],
)
def test_the_commit(
    stage: str,
    settings: dict[str, Any],
    message: str,
    left: list[str] | None,
    recipe: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with hub_here(monkeypatch) as hub:
        if left is not None:
            kind = "model" if stage == "upload_model" else "space"
            old = {"old.md": b"1", "old.txt": b"2"}
            hub.repos["me/x"] = Repository(kind, commits=[old])
        upload(recipe, stage, {"hf_repo": "me/x", **settings})
    (commit,) = [body for _, path, body in hub.requests if "/commit/" in path]
    assert json.loads(commit.splitlines()[0])["value"]["summary"] == message
    old = [name for name in hub.repos["me/x"].files if name.startswith("old")]
    assert old == (left or [])
