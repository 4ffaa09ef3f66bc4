"""A hub on this machine, for the real ``huggingface_hub``, and a recipe that is packed for it."""

import base64
import hashlib
import importlib
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from tests.recipes.recipe_runs import run
from tests.runtime.inference_kit import write_recipe

TOKEN = "hf_secret"
LARGE = 1 << 20
MANIFEST = """
version: 1
recipe: tiny/asr
system: asr
models:
  tiny: {_target_: src.model.Scale, vocab_file: data/vocab.txt}
configs:
  inference:
    dataset: {test: [{name: test}]}
    checkpoint: best.ckpt
    runner: {_target_: src.decode.Reader, word_list: words.txt}
    input_key: speech
    device: cpu
    contract:
      inputs: {speech: {kind: audio, sample_rate: 16000}}
      outputs: {text: {kind: text}}
  publication:
    upload_model: {hf_repo: me/tiny}
  demo:
    model: {trust_user_code: true}
    upload_demo: {hf_repo: tiny-demo, organization: we}
stages: [pack_model, pack_demo, upload_model, upload_demo]
"""


def packed_recipe(place: Path) -> Path:
    """Write a recipe, compile it, and pack its model and its demo, as a user does."""
    write_recipe(place)
    torch.save({"state_dict": {"scale": torch.ones(1)}}, place / "best.ckpt")
    (place / "data").mkdir()
    (place / "data" / "vocab.txt").write_text("a\n")
    (place / "words.txt").write_text("zero one two three four\n")
    (place / "recipe.yaml").write_text(MANIFEST)
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", folder=place)
    assert compiled.returncode == 0, compiled.stderr
    done = run("build/run.py", "--stages", "pack_model", "pack_demo", folder=place)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


@dataclass
class Repository:
    """Files by name at each commit; ``lfs`` names those that were sent as objects."""

    kind: str = "model"
    private: bool = False
    commits: list[dict[str, bytes]] = field(default_factory=lambda: [{}])
    lfs: set[str] = field(default_factory=set)

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[-1]

    def at(self, revision: str) -> dict[str, bytes] | None:
        names = {oid(number): files for number, files in enumerate(self.commits)}
        return {**names, "main": self.files}.get(revision)

    @property
    def head(self) -> str:
        return oid(len(self.commits) - 1)


def oid(number: int) -> str:
    """Return the name of a commit."""
    return f"{number:040x}"


class Hub(ThreadingHTTPServer):
    """Repositories; whoever writes needs the token.

    Attributes:
        repos: By ``<owner>/<name>``.
        objects: What LFS keeps, by SHA-256.
        requests: Method, path and body of each request that was answered.
        failing: A part of ``<method> <path>`` and the status that it is answered with; for the
            status 0 the connection is cut in the middle of the body.
    """

    def __init__(self, endpoint: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        super().__init__(endpoint, Answers)
        self.repos: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[tuple[str, str, bytes]] = []
        self.failing: tuple[str, int] | None = None
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.storage = f"http://localhost:{self.server_port}/objects"  # another host, as there

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that hang up."""

    def stop(self) -> None:
        """Answer no more; the port is closed."""
        self.shutdown()
        self.server_close()


class Answers(BaseHTTPRequestHandler):
    """Enough of the hub's HTTP interface for uploads and downloads."""

    server: Hub

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, value: object, status: int = 200, **headers: str) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        kind = "application/octet-stream" if isinstance(value, bytes) else "application/json"
        defaults = {"Content-Type": kind, "Content-Length": str(len(body))}
        self.send_response(status)
        for name, text in {**defaults, **headers}.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_any(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        part, status = self.server.failing or ("nothing", 0)
        fails = part in f"{self.command} {self.path}"
        data = self.rfile.read(size // 2 if fails and not status else size)
        self.server.requests.append((self.command, self.path, data))
        path = self.path.partition("?")[0]
        if fails and not status:
            self.connection.close()
        elif fails:
            self.answer({"error": "the hub has had\nenough"}, status)
        elif self.command in ("GET", "HEAD"):
            self.read(path)
        elif self.command != "PUT" and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer({"error": "Invalid username or password."}, 401)
        else:
            self.write(path, data)

    do_GET = do_HEAD = do_POST = do_PUT = do_any  # noqa: N815 - names that http.server looks for

    def read(self, path: str) -> None:
        """Answer what is asked without changing anything."""
        if path.startswith("/objects/"):
            self.answer(self.server.objects[path.removeprefix("/objects/")])
            return
        parts = path.removeprefix("/api/models").removeprefix("/api/spaces").split("/")
        repo = self.server.repos.get("/".join(parts[1:3]))
        trusted = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if repo is None or (repo.private and not trusted):
            self.answer({}, 404 if trusted else 401, X_Error_Code="RepoNotFound")
            return
        files = repo.at(parts[4] if len(parts) > 4 else "main")
        if files is None:
            self.answer({}, 404, X_Error_Code="RevisionNotFound")
        elif parts[3:4] == ["resolve"]:
            self.send_file(repo, files, "/".join(parts[5:]))
        elif parts[3:4] == ["tree"]:
            self.answer([describe(name, data, name in repo.lfs) for name, data in files.items()])
        else:
            siblings = [{"rfilename": name} for name in files]
            info = {"id": "/".join(parts[1:3]), "sha": repo.head, "siblings": siblings, "tags": []}
            self.answer(info)

    def send_file(self, repo: Repository, files: dict[str, bytes], name: str) -> None:
        if name not in files:
            self.answer({}, 404, X_Error_Code="EntryNotFound")
        elif name in repo.lfs:
            sha = hashlib.sha256(files[name]).hexdigest()
            linked = {"X_Linked_Etag": f'"{sha}"', "X_Linked_Size": str(len(files[name]))}
            place = f"{self.server.storage}/{sha}"
            self.answer({}, 302, Location=place, X_Repo_Commit=repo.head, **linked)
        else:
            self.answer(files[name], ETag=f'"{blob(files[name])}"', X_Repo_Commit=repo.head)

    def write(self, path: str, data: bytes) -> None:
        """Answer what changes something."""
        if self.command == "PUT":
            sha = path.removeprefix("/objects/")
            assert hashlib.sha256(data).hexdigest() == sha
            self.server.objects[sha] = data
            self.answer({})
        elif path == "/api/repos/create":
            self.create(json.loads(data))
        elif path.startswith("/api/validate-yaml"):
            self.answer({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            modes = [choose_mode(one) for one in json.loads(data)["files"]]
            self.answer({"files": modes})
        elif path.endswith("/info/lfs/objects/batch"):
            wanted = json.loads(data)["objects"]
            self.answer({"transfer": "basic", "objects": [self.place(one) for one in wanted]})
        else:
            self.commit("/".join(path.split("/")[3:5]), data)

    def create(self, wanted: dict[str, str]) -> None:
        name = f"{wanted.get('organization') or 'me'}/{wanted['name']}"
        body = {"url": f"{self.server.address}/{name}", "id": name, "name": name}
        if name in self.server.repos:
            self.answer({"error": "You already created this model repo", **body}, 409)
        else:
            private = wanted.get("private") is True or wanted.get("visibility") == "private"
            self.server.repos[name] = Repository(wanted.get("type", "model"), private)
            self.answer(body)

    def place(self, wanted: dict[str, str]) -> dict[str, object]:
        if wanted["oid"] in self.server.objects:
            return {**wanted}
        href = f"{self.server.storage}/{wanted['oid']}"
        return {**wanted, "actions": {"upload": {"href": href}}}

    def commit(self, name: str, data: bytes) -> None:
        repo = self.server.repos[name]
        files = dict(repo.files)
        entries = [json.loads(line) for line in data.splitlines()]
        for entry in (one["value"] for one in entries if one["key"] == "deletedFile"):
            del files[entry["path"]]
        for entry in (one["value"] for one in entries if one["key"] == "file"):
            files[entry["path"]] = base64.b64decode(entry["content"])
        for entry in (one["value"] for one in entries if one["key"] == "lfsFile"):
            files[entry["path"]] = self.server.objects[entry["oid"]]
            repo.lfs.add(entry["path"])
        repo.commits.append(files)
        url = f"{self.server.address}/{name}/commit/{repo.head}"
        self.answer({"success": True, "commitUrl": url, "commitOid": repo.head})


def choose_mode(file: dict[str, str]) -> dict[str, object]:
    """Say how a file is to be sent: as an object of LFS if it is large or no text."""
    binary = b"\0" in base64.b64decode(file["sample"])
    mode = "lfs" if binary or int(file["size"]) > LARGE else "regular"
    return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False}


def describe(name: str, data: bytes, is_lfs: bool) -> dict[str, object]:
    """Return the entry of a file in a tree."""
    sha = hashlib.sha256(data).hexdigest()
    lfs = {"lfs": {"oid": sha, "size": len(data), "pointerSize": 130}} if is_lfs else {}
    return {"type": "file", "path": name, "size": len(data), "oid": blob(data), **lfs}


def blob(data: bytes) -> str:
    """Return git's name of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass
class Customer:
    """A user of a hub, with a working directory and a cache of their own."""

    hub: Hub
    place: Path
    recipe: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "HF_ENDPOINT": self.hub.address,
            "HF_HOME": str(self.place / "hf"),
            "HF_TOKEN": TOKEN,
            "HF_HUB_DISABLE_XET": "1",  # so that objects go by LFS
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def run(
        self, *command: str, folder: Path | None = None, **extra: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run Python with arguments; ``extra`` goes into its environment."""
        return run(*command, folder=folder or self.place, **{**self.environment, **extra})

    def upload(
        self, *sets: str, stage: str = "upload_model", **extra: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run a stage of the recipe that uploads, with keys of its config changed."""
        role = {"upload_model": "publication", "upload_demo": "demo"}[stage]
        changes = [x for one in sets for x in ("--set", f"{role}.{stage}.{one}")]
        command = ("build/run.py", "--stages", stage, *changes)
        return self.run(*command, folder=self.recipe, **extra)

    def receipt(self, stage: str = "upload_model") -> dict[str, object]:
        """Return what a stage that uploads wrote down."""
        text = (self.recipe / "exp" / "recipe" / stage / "upload.json").read_text()
        return dict(json.loads(text))


@contextmanager
def hub_here(patch: pytest.MonkeyPatch, cache: Path | None = None) -> Iterator[Hub]:
    """Enter with a hub that the real library of this process uses, with a cache of its own."""
    library = pytest.importorskip("huggingface_hub", minversion="1.0")
    constants = importlib.import_module("huggingface_hub.constants")
    patch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # so that objects go by LFS
    patch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with Hub() as hub:
        threading.Thread(target=hub.serve_forever, args=(0.05,), daemon=True).start()
        api = partial(library.HfApi, endpoint=hub.address, token=TOKEN)
        patch.setattr(library, "HfApi", api)
        patch.setattr(
            library, "snapshot_download", partial(api().snapshot_download, cache_dir=cache)
        )
        try:
            yield hub
        finally:
            hub.shutdown()


@contextmanager
def customer(place: Path, packed: Path) -> Iterator[Customer]:
    """Enter with a hub that runs, and a copy of a packed recipe."""
    recipe = place / "recipe"
    shutil.copytree(packed, recipe, symlinks=True)
    with Hub() as hub:
        threading.Thread(target=hub.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield Customer(hub, place, recipe)
        finally:
            hub.shutdown()
