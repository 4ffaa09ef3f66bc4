"""Uploads to and downloads from the Hugging Face hub, through ``huggingface_hub``."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet3_runtime.atomic import write_json
from espnet3_runtime.errors import UserError, exception_chain
from espnet3_runtime.stage import Outputs, StageContext
from espnet3_schemas.installation import install_command

_CONFLICT = 409
_NO_ACCESS = (401, 403)
_HTTP_LIBRARIES = ("httpx", "httpx2", "httpcore", "requests")  # of versions of huggingface_hub
_LOGIN = "log in with: hf auth login (or set HF_TOKEN)"


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A directory and the repository that it is uploaded to.

    Attributes:
        directory: All files below it are uploaded.
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
        """Return the files and the repository as text."""
        files = self.files()
        lines = [f"{size:>12,}  {name}" for name, size in files.items()]
        access = "private" if self.private else "public"
        head = f"{len(files)} files, {sum(files.values()):,} bytes to the {access} {self.repo_type}"
        condition = "changing it if it exists" if self.update else "which must not exist yet"
        return "\n".join([f"{head} {self.repo}, {condition}:", *lines])


def _upload_directory(upload: Upload) -> dict[str, Any]:
    """Create the repository and upload a directory in one commit; return the receipt."""
    hub = _library()
    api = hub.HfApi()
    space = {"space_sdk": "gradio"} if upload.repo_type == "space" else {}
    with _translated_errors(hub, upload.repo):
        api.create_repo(
            upload.repo,
            repo_type=upload.repo_type,
            private=upload.private,
            exist_ok=upload.update,
            **space,
        )
        commit = api.upload_folder(
            repo_id=upload.repo,
            repo_type=upload.repo_type,
            folder_path=str(upload.directory),
            commit_message=upload.message,
            ignore_patterns=["__pycache__/**", "**/__pycache__/**"],
            delete_patterns=list(upload.delete_patterns) if upload.update else None,
        )
    return {
        "schema_version": 1,
        "repo": upload.repo,
        "repo_type": upload.repo_type,
        "url": str(commit.commit_url),
        "revision": str(commit.oid),
        "files": upload.files(),
    }


def download_repository(repo: str, revision: str | None) -> Path:
    """Download a model repository, or use the copy in the local cache; return its directory.

    Raises:
        UserError: There is no such repository or revision, or the hub cannot be reached.
    """
    hub = _library()
    with _translated_errors(hub, repo, revision):
        return Path(hub.snapshot_download(repo, revision=revision))


@contextmanager
def _translated_errors(hub: Any, repo: str, revision: str | None = None) -> Iterator[None]:
    """Raise errors of the hub as messages for users, without the library's traceback."""
    try:
        yield
    except Exception as error:
        for one in exception_chain(error):  # the library wraps what stopped a file of an upload
            problem = _explain_answer(hub.errors, one, repo, revision) or _explain_failure(one)
            if problem is not None:
                raise problem from None
        raise


def _explain_answer(
    errors: Any, error: BaseException, repo: str, revision: str | None
) -> UserError | None:
    """Return the message about an error that the library names; None for others."""
    if isinstance(error, errors.RepositoryNotFoundError):
        message = f'the hub has no repository "{repo}", or you may not see it'
        return UserError(message, hint=_LOGIN)
    if isinstance(error, errors.RevisionNotFoundError):
        return UserError(f'the repository "{repo}" has no revision "{revision}"')
    if isinstance(error, errors.HFValidationError):
        message = f'"{repo}" is no name of a repository'
        return UserError(message, hint="it reads <owner>/<name>")
    if isinstance(error, errors.HfHubHTTPError) and error.response is not None:
        return _refusal(error, repo)
    if isinstance(error, errors.LocalTokenNotFoundError | errors.OfflineModeIsEnabled):
        return UserError(f"the hub cannot be used: {error}", hint=_LOGIN)
    return None


def _explain_failure(error: BaseException) -> UserError | None:
    """Return the message about files or a network that refuse; None for other errors."""
    if isinstance(error, OSError) and error.filename:
        message = f'the hub\'s library cannot use "{error.filename}": {error.strerror}'
        return UserError(message, hint="HF_HOME names the place of its cache")
    if isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _HTTP_LIBRARIES:
        return UserError(f"the hub cannot be reached: {error}")
    return None


def _refusal(error: Any, repo: str) -> UserError:
    """Return what the hub's answer to a request means."""
    status = error.response.status_code
    if status == _CONFLICT and str(error.response.url).endswith("/repos/create"):
        hint = "write update: true to change it, or choose another hf_repo"
        return UserError(f'the repository "{repo}" exists already', hint=hint)
    if status in _NO_ACCESS:
        return UserError(f'you may not write to "{repo}"', hint=_LOGIN)
    said = " ".join(str(error.server_message or "").split())
    problem = str(error).partition("\n")[0]
    return UserError(f"the hub refused: {problem}" + (f": {said}" if said else ""))


def _library() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ModuleNotFoundError:
        raise UserError(
            'the hub needs the package "huggingface_hub", which is not installed',
            hint=install_command("hub"),
        ) from None
    return huggingface_hub


def run_upload(context: StageContext, upload: Upload, *, dry_run: bool) -> Outputs:
    """Upload a directory, or only show its files; write ``upload.json``.

    Args:
        context: The stage's context.
        upload: The directory and its repository.
        dry_run: Whether to upload nothing.

    Raises:
        UserError: The hub refuses or cannot be reached.
    """
    receipt = context.directory / "upload.json"
    if dry_run:
        print(f"dry run, nothing is uploaded: {upload.describe_plan()}")
        write_json(receipt, {"schema_version": 1, "dry_run": True, "files": upload.files()})
        context.result("uploaded", "nothing (dry run)")
    else:
        done = _upload_directory(upload)
        write_json(receipt, done)
        context.result("uploaded", done["url"])
    return {"receipt": receipt}
