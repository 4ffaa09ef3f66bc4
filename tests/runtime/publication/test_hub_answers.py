"""What the hub, its library, the disk or the network refuse is one sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.hub import Upload, download_repository, run_upload
from tests.runtime.hub_kit import Hub, Repository, hub_here, oid
from tests.runtime.inference_kit import make_context

huggingface_hub = pytest.importorskip("huggingface_hub", minversion="1.0")
errors = pytest.importorskip("huggingface_hub.errors")
httpx = pytest.importorskip("httpx")

LOGIN = "\n  help: log in with: hf auth login (or set HF_TOKEN)"


def answer(kind: str, status: int, text: str = "it failed", said: str = "", url: str = "x") -> Any:
    """Return an error of the library about an answer of the hub."""
    request = httpx.Request("POST", f"https://host/{url}")
    response = httpx.Response(status, request=request)
    made = getattr(errors, kind)(text, response=response)
    made.server_message = said
    return made


def told(error: BaseException, monkeypatch: pytest.MonkeyPatch, revision: str | None = "v1") -> str:
    """Return what is said when the library raises an error."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(UserError) as caught:
        download_repository("me/tiny", revision)
    assert caught.value.__cause__ is None
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (
            "RepositoryNotFoundError",
            {"status": 404},
            f'the hub has no repository "me/tiny", or you may not see it{LOGIN}',
        ),
        (
            "RevisionNotFoundError",
            {"status": 404},
            'the repository "me/tiny" has no revision "v1"',
        ),
        (
            "HfHubHTTPError",
            {"status": 409, "url": "api/repos/create"},
            (
                'the repository "me/tiny" exists already\n'
                "  help: write update: true to change it, or choose another hf_repo"
            ),
        ),
        ("HfHubHTTPError", {"status": 401}, f'you may not write to "me/tiny"{LOGIN}'),
        ("HfHubHTTPError", {"status": 403}, f'you may not write to "me/tiny"{LOGIN}'),
        ("HfHubHTTPError", {"status": 409, "url": "a/commit"}, "the hub refused: it failed"),
        (
            "HfHubHTTPError",
            {"status": 500, "url": "api/repos/create"},
            "the hub refused: it failed",
        ),
        (
            "HfHubHTTPError",
            {"status": 402, "text": "it failed\n\nmore", "said": " pay\n  first "},
            "the hub refused: it failed: pay first",
        ),
    ],
)
def test_answers(
    kind: str, arguments: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told(answer(kind, **arguments), monkeypatch) == message


def test_errors_of_the_library_the_disk_and_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = RuntimeError("what the library makes of it")
    hidden.__context__ = PermissionError(13, "Permission denied", "/cache")
    refused = (
        'the hub\'s library cannot use "/cache": Permission denied\n'
        "  help: HF_HOME names the place of its cache"
    )
    for error, message in (
        (
            errors.HFValidationError("no name"),
            '"me/tiny" is no name of a repository\n  help: it reads <owner>/<name>',
        ),
        (errors.LocalTokenNotFoundError("no token"), f"the hub cannot be used: no token{LOGIN}"),
        (errors.OfflineModeIsEnabled("offline"), f"the hub cannot be used: offline{LOGIN}"),
        (PermissionError(13, "Permission denied", "/cache"), refused),
        (hidden, refused),
        (ConnectionError("no route"), "the hub cannot be reached: no route"),
        (httpx.ConnectError("no host"), "the hub cannot be reached: no host"),
    ):
        assert told(error, monkeypatch) == message


def test_other_errors_stay_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("a fault of somebody")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(ValueError, match=r"^a fault of somebody$"):
        download_repository("me/tiny", None)


def test_what_is_downloaded_is_what_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with hub_here(monkeypatch, tmp_path) as hub:
        hub.repos["me/tiny"] = Repository(commits=[{"a.txt": b"old"}, {"a.txt": b"new"}])
        for revision in (oid(1), None):
            assert (download_repository("me/tiny", revision) / "a.txt").read_text() == "new"
        with pytest.raises(UserError, match=r'"me/tiny" has no revision "v9"'):
            download_repository("me/tiny", "v9")


@pytest.fixture
def upload(tmp_path: Path) -> Upload:
    folder = tmp_path / "sent"
    for name, size in (("b.txt", 5), ("a/c.bin", 1234567), ("a/__pycache__/x.pyc", 1), ("Z", 0)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"0" * size)
    return Upload(directory=folder, repo="me/x", repo_type="space", private=True, update=False)


def test_a_plan(upload: Upload) -> None:
    assert upload.describe_plan().splitlines() == [
        "3 files, 1,234,572 bytes to the private space me/x, which must not exist yet:",
        "           0  Z",
        "   1,234,567  a/c.bin",
        "           5  b.txt",
    ]
    assert list(upload.files()) == ["Z", "a/c.bin", "b.txt"]
    other = Upload(
        directory=upload.directory / "a", repo="me/y", repo_type="model", private=False, update=True
    )
    assert other.describe_plan().splitlines() == [
        "1 files, 1,234,567 bytes to the public model me/y, changing it if it exists:",
        "   1,234,567  c.bin",
    ]


def test_a_dry_run(upload: Upload, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results: dict[str, object] = {}
    given = {"publication": {"upload_model": {"hf_repo": "me/x"}}}
    context = make_context(
        tmp_path / "recipe", "upload_model", configs=given, result=results.__setitem__
    )
    made = run_upload(context, upload, dry_run=True)
    assert made == {"receipt": context.directory / "upload.json"}
    assert json.loads(made["receipt"].read_text()) == {
        "schema_version": 1,
        "dry_run": True,
        "files": {"Z": 0, "a/c.bin": 1234567, "b.txt": 5},
    }
    assert results == {"uploaded": "nothing (dry run)"}
    plan = upload.describe_plan()
    assert capsys.readouterr().out == f"dry run, nothing is uploaded: {plan}\n"


def sent_to(hub: Hub, part: str) -> list[Any]:
    """Return the lines of the requests whose path has a part."""
    bodies = [body for _, path, body in hub.requests if part in path]
    return [json.loads(line) for body in bodies for line in body.splitlines()]


@pytest.mark.parametrize(("kind", "update"), [("space", False), ("model", True)])
def test_what_the_hub_gets(
    kind: str, update: bool, upload: Upload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results: dict[str, object] = {}
    given = {"publication": {"upload_model": {"hf_repo": "me/x"}}}
    context = make_context(
        tmp_path / "recipe", "upload_model", configs=given, result=results.__setitem__
    )
    sent = Upload(
        directory=upload.directory,
        repo="me/x",
        repo_type=kind,
        private=True,
        update=update,
        delete_patterns=("*.txt", "*.bin"),
    )
    with hub_here(monkeypatch) as hub:
        if update:
            old = {"old.txt": b"1", "deep/old.bin": b"2", "kept.md": b"3"}
            hub.repos["me/x"] = Repository(private=True, commits=[old])
        made = run_upload(context, sent, dry_run=False)
    files = {"Z": b"", "a/c.bin": b"0" * 1234567, "b.txt": b"00000"}
    assert hub.repos["me/x"].files == {**files, **({"kept.md": b"3"} if update else {})}
    assert (hub.repos["me/x"].kind, hub.repos["me/x"].private) == (kind, True)
    (created,) = sent_to(hub, "/repos/create")
    assert created.get("sdk") == ("gradio" if kind == "space" else None)
    assert sent_to(hub, "/commit/")[0]["value"]["summary"] == "Upload with espnet3-compile"
    url = f"{hub.address}/me/x/commit/{oid(1)}"
    assert json.loads(made["receipt"].read_text()) == {
        "schema_version": 1,
        "repo": "me/x",
        "repo_type": kind,
        "url": url,
        "revision": oid(1),
        "files": {"Z": 0, "a/c.bin": 1234567, "b.txt": 5},
    }
    assert results == {"uploaded": url}
