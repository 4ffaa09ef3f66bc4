"""Bundles from a hub of our own on this machine, through the real library and its real cache."""

import sys

import pytest

from espnet3_runtime.publication.bundle import open_bundle
from espnet3_runtime.publication.bundle_files import BundleFiles
from tests.access_kit import run_as_stranger, run_mounted_read_only
from tests.runtime.hub_kit import customer, oid

pytest.importorskip("huggingface_hub")

REVISION = oid(1)
MODULE = "espnet3_runtime.publication.transcribe"


@pytest.fixture(scope="session")
def published(packed, tmp_path_factory):
    """What a hub holds after an upload."""
    with customer(tmp_path_factory.mktemp("published"), packed) as somebody:
        done = somebody.upload()
        assert done.returncode == 0, done.stderr
        return somebody.hub.repos, somebody.hub.objects


@pytest.fixture
def user(published, user):
    """Somebody whose hub has the bundle."""
    user.hub.repos, user.hub.objects = published
    user.hub.repos["me/tiny"].files[".gitattributes"] = b"*.safetensors filter=lfs\n"  # it adds it
    return user


def test_a_bundle_from_the_hub_runs_out_of_its_cache(user, tmp_path):
    done = user.run("-m", MODULE, "me/tiny", "a.wav", "--trust_user_code")
    assert (done.returncode, done.stdout) == (0, "a.wav\ttwo four\n"), done.stderr
    snapshot = tmp_path / f"hf/hub/models--me--tiny/snapshots/{REVISION}"
    assert (snapshot / "model.safetensors").is_symlink()
    refused = user.run("-m", MODULE, "me/tiny", "a.wav")
    assert refused.returncode == 1
    assert "wants to run code of its own: src.decode.Reader, src.model.Scale" in refused.stderr
    assert "Traceback" not in refused.stderr

    user.hub.stop()  # from here on only the cache is there
    python = (
        "from espnet3_runtime.publication.model import InferenceModel as M\n"
        f"print(M.from_pretrained('me/tiny', revision={REVISION!r}, trust_user_code=True)('a.wav'))"
    )
    done = user.run("-c", python)
    assert done.stdout == "{'text': 'two four'}\n", done.stderr
    done = user.run("-m", MODULE, str(snapshot), "a.wav", "--trust_user_code")
    assert done.stdout == "a.wav\ttwo four\n", done.stderr

    files = BundleFiles(tmp_path, tmp_path / "other", {})  # a bundle whose model this bundle is
    node = {"directory": str(snapshot)}
    packed = files.rewrite_paths(node, node, "model")
    inside = tmp_path / "other" / packed["directory"].removeprefix("bundle://")
    assert not [path for path in inside.rglob("*") if path.is_symlink()]
    assert set(open_bundle(inside).meta["files"]) > {"model.safetensors", "files/vocab.txt"}


def test_links_lead_to_the_blobs_of_their_own_cache_only(user, tmp_path):
    user.run("-m", MODULE, "me/tiny", "a.wav", "--trust_user_code")
    snapshot = tmp_path / f"hf/hub/models--me--tiny/snapshots/{REVISION}"
    vocab = snapshot / "files/vocab.txt"
    elsewhere = tmp_path / "blobs" / vocab.resolve().name
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(vocab.read_bytes())
    vocab.unlink()
    vocab.symlink_to(elsewhere)
    done = user.run("-m", MODULE, str(snapshot), "a.wav", "--trust_user_code")
    assert done.returncode == 1
    assert '"files/vocab.txt" leads out of the bundle' in done.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("me/none", 'the hub has no repository "me/none", or you may not see it'),
        ("me--x/tiny..", '"me--x/tiny.." is no name of a repository'),
    ],
)
def test_what_the_hub_does_not_have(user, name, message):
    done = user.run("-m", MODULE, name, "a.wav")
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_revision_that_is_not_there(user):
    python = (
        "from espnet3_runtime.publication.model import InferenceModel as M\n"
        "try:\n    M.from_pretrained('me/tiny', revision='v9')\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    done = user.run("-c", python)
    assert done.stdout.startswith('UserError the repository "me/tiny" has no revision "v9"')


def test_a_hub_that_is_not_there(user):
    user.hub.stop()
    done = user.run("-m", MODULE, "me/tiny", "a.wav")
    assert done.returncode == 1
    assert "the hub cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("start", [run_mounted_read_only, run_as_stranger])
def test_a_cache_that_cannot_be_written(user, tmp_path, start):
    argv = ("-m", MODULE, "me/tiny", str(tmp_path / "a.wav"), "--trust_user_code")
    cache = tmp_path / "hf"
    cache.mkdir()
    variables = [f"{name}={user.environment[name]}" for name in ("HF_ENDPOINT", "HF_HOME")]
    command = ("env", *variables, sys.executable, *argv)
    done = start(cache, *command)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr, done.stderr
    assert f"error: the hub's library cannot use \"{cache}/hub" in done.stderr
    assert user.run(*argv).returncode == 0
    done = start(cache, *command)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("two four\n")
