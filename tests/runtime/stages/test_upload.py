"""upload_model and upload_demo, against a hub of our own that answers on this machine."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from espnet3_runtime.errors import UserError
from espnet3_runtime.publication import hub
from espnet3_runtime.publication.bundle import FORMAT, hash_files
from espnet3_runtime.stages.upload_demo import upload_demo
from espnet3_runtime.stages.upload_model import upload_model
from tests.runtime.inference_kit import make_context

pytest.importorskip("huggingface_hub")
from huggingface_hub import (
    HfApi,
    constants,
    errors,
)


class Hub(ThreadingHTTPServer):
    """Enough of the hub's HTTP interface for create_repo and upload_folder."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answers)
        self.repos = {}
        self.requests = []
        self.refuse = 0

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *_):
        pass

    def answer(self, value, status=200, **headers):
        body = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def repo(self):
        """Return the repository in /api/<type>s/<owner>/<name>/…"""
        parts = self.path.partition("?")[0].split("/")
        return "/".join(parts[3:5])

    def do_GET(self):
        self.server.requests.append(("GET", self.path, None))
        files = self.server.repos.get(self.repo())
        if files is None:
            self.answer({"error": "no"}, 404, **{"X-Error-Code": "RepoNotFound"})
        elif "/tree/" in self.path:
            self.answer([{"type": "file", "path": f, "size": 1, "oid": "0"} for f in files])
        else:
            siblings = [{"rfilename": name} for name in files]
            self.answer({"id": self.repo(), "sha": "0" * 40, "siblings": siblings, "tags": []})

    def do_POST(self):
        data = self.body()
        self.server.requests.append(("POST", self.path, data))
        if self.server.refuse:
            self.answer({"error": "refused"}, self.server.refuse)
        elif self.path == "/api/repos/create":
            self.create(json.loads(data))
        elif self.path.startswith("/api/validate-yaml"):
            self.answer({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            wanted = json.loads(data)["files"]
            modes = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in wanted
            ]
            self.answer({"files": modes})
        elif "/commit/" in self.path:
            self.commit(data)
        else:
            self.answer({"error": self.path}, 404)

    def create(self, wanted):
        owner, name = wanted.get("organization"), wanted["name"]
        repo = f"{owner}/{name}" if owner else name
        url = f"{self.server.address}/{repo}"
        if repo in self.server.repos:
            self.answer({"error": "exists", "url": url}, 409)
        else:
            self.server.repos[repo] = {}
            self.answer({"url": url, "id": repo, "name": repo})

    def commit(self, data):
        files = self.server.repos[self.repo()]
        for line in data.decode().splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                files[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
            elif entry["key"] == "deletedFile":
                del files[entry["value"]["path"]]
        url = f"{self.server.address}/{self.repo()}/commit/{'1' * 40}"
        self.answer({"success": True, "commitUrl": url, "commitOid": "1" * 40})


@pytest.fixture
def server(monkeypatch, tmp_path):
    with Hub() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(constants, "ENDPOINT", running.address)  # what HF_ENDPOINT sets

        def api():
            return HfApi(token="hf_secret")

        fake = SimpleNamespace(HfApi=api, errors=errors)
        monkeypatch.setattr(hub, "_library", lambda: fake)
        yield running
        running.shutdown()


@pytest.fixture
def bundle(tmp_path):
    directory = tmp_path / "exp/tiny/pack_model/bundle"
    (directory / "code/src").mkdir(parents=True)
    (directory / "README.md").write_text("---\ntags: []\n---\n# hello\n")
    (directory / "code/src/model.py").write_text("x = 1\n")
    meta = {"format": FORMAT, "schema_version": 1, "files": hash_files(directory)}
    (directory / "bundle.json").write_text(json.dumps(meta))
    return directory


def run(bundle, **settings):
    context = make_context(
        bundle.parents[3],
        "upload_model",
        configs={"publication": {"upload_model": {"hf_repo": "me/tiny", **settings}}},
        upstream={"pack_model.bundle": bundle},
        upstream_kinds={"pack_model": "pack_model"},
    )
    return json.loads(upload_model(context)["receipt"].read_text())


def test_every_file_arrives(server, bundle):
    receipt = run(bundle)
    assert set(server.repos["me/tiny"]) == {"README.md", "bundle.json", "code/src/model.py"}
    assert server.repos["me/tiny"]["code/src/model.py"] == b"x = 1\n"
    assert receipt["repo"] == "me/tiny"
    assert receipt["revision"] == "1" * 40
    assert receipt["files"]["code/src/model.py"] == 6
    assert "hf_secret" not in json.dumps(receipt)


def test_what_exists_is_changed_only_when_wanted(server, bundle):
    server.repos["me/tiny"] = {"old.txt": b"", "notes.md": b""}
    with pytest.raises(UserError, match='the repository "me/tiny" exists already') as caught:
        run(bundle)
    assert "update: true" in str(caught.value)
    assert set(server.repos["me/tiny"]) == {"old.txt", "notes.md"}
    run(bundle, update=True, delete_patterns=["*.txt"])
    assert "notes.md" in server.repos["me/tiny"]
    assert "old.txt" not in server.repos["me/tiny"]
    assert "bundle.json" in server.repos["me/tiny"]


def test_a_dry_run_sends_nothing_and_shows_everything(server, bundle, capsys):
    receipt = run(bundle, dry_run=True, private=True)
    assert server.requests == []
    assert receipt["dry_run"] is True
    shown = capsys.readouterr().out
    assert "3 files" in shown
    assert "private model me/tiny, which must not exist yet" in shown
    assert "code/src/model.py" in shown


def test_private_repositories_are_asked_for(server, bundle):
    run(bundle, private=True)
    create = next(data for _, path, data in server.requests if path == "/api/repos/create")
    asked = json.loads(create)
    assert asked.get("private") is True or asked.get("visibility") == "private"


@pytest.mark.parametrize(
    ("status", "message"),
    [(401, 'you may not write to "me/tiny"'), (403, 'you may not write to "me/tiny"')],
)
def test_without_permission(server, bundle, status, message):
    server.refuse = status
    with pytest.raises(UserError) as caught:
        run(bundle)
    assert message in str(caught.value)
    assert "hf auth login" in str(caught.value)


def test_a_hub_that_cannot_be_reached(server, bundle, monkeypatch):
    address = "http://127.0.0.1:9"  # the discard port: nobody listens
    fake = SimpleNamespace(HfApi=lambda: HfApi(endpoint=address), errors=errors)
    monkeypatch.setattr(hub, "_library", lambda: fake)
    with pytest.raises(UserError, match="the hub cannot be reached"):
        run(bundle)


def test_an_altered_bundle_is_not_uploaded(server, bundle):
    (bundle / "code/src/model.py").write_text("x = 2\n")
    with pytest.raises(UserError, match="was altered or is damaged"):
        run(bundle)
    assert server.requests == []


def test_no_destination_and_no_bundle(server, bundle):
    context = make_context(
        bundle.parents[3], "upload_model", configs={"publication": {"upload_model": None}}
    )
    with pytest.raises(UserError, match="there is no destination"):
        upload_model(context)
    settings = {"upload_model": {"hf_repo": "me/tiny"}}
    context = make_context(bundle.parents[3], "upload_model", configs={"publication": settings})
    with pytest.raises(UserError, match="there is no bundle"):
        upload_model(context)


def demo_context(tmp_path, **settings):
    demo = tmp_path / "exp/tiny/pack_demo/demo"
    demo.mkdir(parents=True, exist_ok=True)
    (demo / "app.py").write_text("")
    (demo / "README.md").write_text("---\nsdk: gradio\n---\n")
    return make_context(
        tmp_path,
        "upload_demo",
        configs={"demo": {"upload_demo": settings}},
        upstream={"pack_demo.demo": demo},
        upstream_kinds={"pack_demo": "pack_demo"},
    )


def test_the_demo_becomes_a_space(server, tmp_path):
    upload_demo(demo_context(tmp_path, hf_repo="tiny", organization="we"))
    assert set(server.repos["we/tiny"]) == {"app.py", "README.md"}
    create = next(data for _, path, data in server.requests if path == "/api/repos/create")
    assert json.loads(create)["sdk"] == "gradio"
    assert json.loads(create)["type"] == "space"


def test_a_space_of_another_owner(server, tmp_path):
    with pytest.raises(UserError, match='"me/tiny" does not belong to "we"'):
        upload_demo(demo_context(tmp_path, hf_repo="me/tiny", organization="we"))


def test_the_library_is_missing(bundle, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match='needs the package "huggingface_hub"') as caught:
        run(bundle)
    assert "espnet3-compile[hub]" in str(caught.value)
