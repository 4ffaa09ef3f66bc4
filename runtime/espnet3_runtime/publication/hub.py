"""Uploads to and downloads from the Hugging Face hub, through ``huggingface_hub``."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet3_runtime.atomic import write_json
from espnet3_runtime.errors import UserError
from espnet3_runtime.stage import Outputs, StageContext

_CONFLICT = 409
_NO_ACCESS = (401, 403)


@dataclass(frozen=True, kw_only=True)
class Upload:
    """What goes where.

    Attributes:
        directory: Its whole content goes up.
        repo: ``<owner>/<name>``.
        repo_type: ``model`` or ``space``.
        private: Whether the repository is private.
        update: Whether an existing repository may be changed.
        delete_patterns: Globs of remote files that an update removes.
        message: Of the commit.
    """

    directory: Path
    repo: str
    repo_type: str
    private: bool
    update: bool
    delete_patterns: tuple[str, ...] = ()
    message: str = "Upload with espnet3-compile"

    def files(self) -> dict[str, int]:
        """Return the size of every file by its name in the repository."""
        found = sorted(path for path in self.directory.rglob("*") if path.is_file())
        paths = [path for path in found if "__pycache__" not in path.parts]
        return {path.relative_to(self.directory).as_posix(): path.stat().st_size for path in paths}

    def describe_plan(self) -> str:
        """Return what would happen, as text."""
        files = self.files()
        lines = [f"{size:>12,}  {name}" for name, size in files.items()]
        who = "private" if self.private else "public"
        head = f"{len(files)} files, {sum(files.values()):,} bytes to the {who} {self.repo_type}"
        how = "changing it if it exists" if self.update else "which must not exist yet"
        return "\n".join([f"{head} {self.repo}, {how}:", *lines])


def upload_directory(what: Upload, api: Any = None) -> dict[str, Any]:
    """Create the repository and upload a directory in one commit.

    Args:
        what: What goes where.
        api: A ``huggingface_hub.HfApi``; None makes one with the user's own login.

    Returns:
        repo, repo_type, url, revision (the commit) and files with their sizes.

    Raises:
        UserError: The library is not installed, nobody is logged in, the repository exists and
            may not be changed, or the hub cannot be reached.
    """
    hub = _library()
    api = api or hub.HfApi()
    space = {"space_sdk": "gradio"} if what.repo_type == "space" else {}
    _translate_errors(
        hub,
        what.repo,
        lambda: api.create_repo(
            what.repo,
            repo_type=what.repo_type,
            private=what.private,
            exist_ok=what.update,
            **space,
        ),
    )
    commit = _translate_errors(
        hub,
        what.repo,
        lambda: api.upload_folder(
            repo_id=what.repo,
            repo_type=what.repo_type,
            folder_path=str(what.directory),
            commit_message=what.message,
            ignore_patterns=["**/__pycache__/**"],
            delete_patterns=list(what.delete_patterns) if what.update else None,
        ),
    )
    return {
        "schema_version": 1,
        "repo": what.repo,
        "repo_type": what.repo_type,
        "url": str(commit.commit_url),
        "revision": str(commit.oid),
        "files": what.files(),
    }


def download_repository(repo: str, revision: str | None) -> Path:
    """Download a model repository (or take the copy in the local cache); return its directory.

    Raises:
        UserError: There is no such repository, or the hub cannot be reached.
    """
    hub = _library()
    return Path(
        _translate_errors(hub, repo, lambda: hub.snapshot_download(repo, revision=revision))
    )


def _translate_errors(hub: Any, repo: str, action: Callable[[], Any]) -> Any:
    """Do something on the hub; say what its errors mean."""
    errors = hub.errors
    try:
        return action()
    except errors.RepositoryNotFoundError:
        raise UserError(
            f'the hub has no repository "{repo}", or you may not see it', hint=_LOGIN
        ) from None
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        if status == _CONFLICT:
            raise UserError(
                f'the repository "{repo}" exists already',
                hint="write update: true to change it, or choose another hf_repo",
            ) from None
        if status in _NO_ACCESS:
            raise UserError(f'you may not write to "{repo}"', hint=_LOGIN) from None
        raise UserError(f"the hub refused: {error}") from error
    except (errors.LocalTokenNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise UserError(f"the hub cannot be used: {error}", hint=_LOGIN) from None
    except Exception as error:
        if isinstance(error, OSError) or _is_of_http_library(error):
            raise UserError(f"the hub cannot be reached: {error}") from error
        raise


_LOGIN = "log in with: hf auth login (or set HF_TOKEN)"


def _is_of_http_library(error: Exception) -> bool:
    """Say whether an error comes from what huggingface_hub sends requests with (it changed)."""
    return type(error).__module__.partition(".")[0] in ("httpx", "httpx2", "httpcore", "requests")


def _library() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ModuleNotFoundError:
        raise UserError(
            'the hub needs the package "huggingface_hub", which is not installed',
            hint="pip install 'espnet3-compile[hub]'",
        ) from None
    return huggingface_hub


def run_upload(context: StageContext, what: Upload, *, dry_run: bool) -> Outputs:
    """Upload a directory, or only show what would go; write ``upload.json``.

    Args:
        context: The stage's context.
        what: The directory and the place on the hub.
        dry_run: Whether to show only what would go.

    Raises:
        UserError: The hub refuses or cannot be reached.
    """
    receipt = context.directory / "upload.json"
    if dry_run:
        print(f"dry run, nothing is uploaded: {what.describe_plan()}")
        write_json(receipt, {"schema_version": 1, "dry_run": True, "files": what.files()})
        context.result("uploaded", "nothing (dry run)")
    else:
        done = upload_directory(what)
        write_json(receipt, done)
        context.result("uploaded", done["url"])
    return {"receipt": receipt}
