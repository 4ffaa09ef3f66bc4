"""Bundles from a hub of our own on this machine, through the real library and its real cache."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import soundfile

from tests.access_kit import run_as_stranger, run_mounted_read_only
from tests.runtime.bundle_kit import pack, packable, speech

pytest.importorskip("huggingface_hub")

REVISION = "a" * 40
MODULE = "espnet3_runtime.publication.transcribe"


class Answers(BaseHTTPRequestHandler):
    """What the hub answers to snapshot_download of the one repository ``me/tiny``."""

    def log_message(self, *_):
        pass

    def answer(self, body, status=200, **headers):
        self.send_response(status)
        for name, text in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_GET(self):
        path = self.path.partition("?")[0]
        files = self.server.files
        if "/me/tiny/" not in f"{path}/":
            self.answer(b"{}", 404, X_Error_Code="RepoNotFound")
        elif path.startswith("/api/") and not path.endswith(("/tiny", "/main", REVISION)):
            self.answer(b"{}", 404, X_Error_Code="RevisionNotFound")
        elif "/tree/" in path:
            entries = [
                {"type": "file", "path": name, "size": len(data), "oid": blob(data)}
                for name, data in files.items()
            ]
            self.answer(json.dumps(entries).encode(), Content_Type="application/json")
        elif path.startswith("/api/"):
            siblings = [{"rfilename": name} for name in files]
            info = {"id": "me/tiny", "sha": REVISION, "siblings": siblings, "tags": []}
            self.answer(json.dumps(info).encode(), Content_Type="application/json")
        else:
            data = files[path.removeprefix(f"/me/tiny/resolve/{REVISION}/")]
            self.answer(data, ETag=f'"{blob(data)}"', X_Repo_Commit=REVISION)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for


def blob(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@pytest.fixture
def hub(tmp_path):
    """A function that runs a command in ``tmp_path`` with the hub and a cache of its own."""
    with packable(tmp_path / "recipe") as recipe:
        bundle = pack(recipe)
    files = {p.relative_to(bundle).as_posix(): p for p in bundle.rglob("*") if p.is_file()}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.files = {name: path.read_bytes() for name, path in files.items()}
    server.files[".gitattributes"] = b"*.safetensors filter=lfs\n"  # the hub adds it
    threading.Thread(target=server.serve_forever, daemon=True).start()
    soundfile.write(tmp_path / "a.wav", speech("two", "four"), 16000)
    environment = os.environ | {
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "HF_HOME": str(tmp_path / "hf"),
        "NO_PROXY": "127.0.0.1",
    }

    def run(*command):
        return subprocess.run(
            [sys.executable, *command],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
            check=False,
        )

    run.server = server
    run.environment = environment
    yield run
    server.shutdown()
    server.server_close()


def test_a_bundle_from_the_hub_runs_out_of_its_cache(hub, tmp_path):
    done = hub("-m", MODULE, "me/tiny", "a.wav", "--trust_user_code")
    assert (done.returncode, done.stdout) == (0, "a.wav\ttwo four\n"), done.stderr
    snapshot = tmp_path / f"hf/hub/models--me--tiny/snapshots/{REVISION}"
    assert (snapshot / "model.safetensors").is_symlink()
    refused = hub("-m", MODULE, "me/tiny", "a.wav")
    assert refused.returncode == 1
    assert "wants to run code of its own: src.decode.Reader, src.model.Scale" in refused.stderr
    assert "Traceback" not in refused.stderr

    hub.server.shutdown()  # from here on only the cache is there
    hub.server.server_close()
    python = (
        "from espnet3_runtime.publication.model import InferenceModel as M\n"
        f"print(M.from_pretrained('me/tiny', revision={REVISION!r}, trust_user_code=True)('a.wav'))"
    )
    done = hub("-c", python)
    assert done.stdout == "{'text': 'two four'}\n", done.stderr
    done = hub("-m", MODULE, str(snapshot), "a.wav", "--trust_user_code")
    assert done.stdout == "a.wav\ttwo four\n", done.stderr


def test_links_lead_to_the_blobs_of_their_own_cache_only(hub, tmp_path):
    hub("-m", MODULE, "me/tiny", "a.wav", "--trust_user_code")
    snapshot = tmp_path / f"hf/hub/models--me--tiny/snapshots/{REVISION}"
    vocab = snapshot / "files/vocab.txt"
    elsewhere = tmp_path / "blobs" / vocab.resolve().name
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(vocab.read_bytes())
    vocab.unlink()
    vocab.symlink_to(elsewhere)
    done = hub("-m", MODULE, str(snapshot), "a.wav", "--trust_user_code")
    assert done.returncode == 1
    assert '"files/vocab.txt" leads out of the bundle' in done.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("me/none", 'the hub has no repository "me/none", or you may not see it'),
        ("me--x/tiny..", '"me--x/tiny.." is no name of a repository'),
    ],
)
def test_what_the_hub_does_not_have(hub, name, message):
    done = hub("-m", MODULE, name, "a.wav")
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_revision_that_is_not_there(hub):
    python = (
        "from espnet3_runtime.publication.model import InferenceModel as M\n"
        "try:\n    M.from_pretrained('me/tiny', revision='v9')\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    done = hub("-c", python)
    assert done.stdout.startswith('UserError the repository "me/tiny" has no revision "v9"')


def test_a_hub_that_is_not_there(hub):
    hub.server.shutdown()
    hub.server.server_close()
    done = hub("-m", MODULE, "me/tiny", "a.wav")
    assert done.returncode == 1
    assert "the hub cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("start", [run_mounted_read_only, run_as_stranger])
def test_a_cache_that_cannot_be_written(hub, tmp_path, start):
    argv = ("-m", MODULE, "me/tiny", str(tmp_path / "a.wav"), "--trust_user_code")
    cache = tmp_path / "hf"
    cache.mkdir()
    variables = [f"{name}={hub.environment[name]}" for name in ("HF_ENDPOINT", "HF_HOME")]
    command = ("env", *variables, sys.executable, *argv)
    done = start(cache, *command)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr, done.stderr
    assert f"error: the hub's library cannot use \"{cache}/hub" in done.stderr
    assert hub(*argv).returncode == 0
    done = start(cache, *command)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("two four\n")
