"""upload_model and upload_demo, run as a user does, to a hub of our own on this machine."""

import json

import pytest

from espnet3_schemas.installation import install_command
from tests.runtime.hub_kit import TOKEN, Repository, oid

pytest.importorskip("huggingface_hub")

TRANSCRIBE = ("-m", "espnet3_runtime.publication.transcribe", "me/tiny", "a.wav")


def files_below(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def bundle_of(user):
    return user.recipe / "exp/recipe/pack_model/bundle"


def refusal(done):
    """Return the message of a failed stage and its help, which is all that a person sees."""
    assert done.returncode == 1, done.stdout
    first, *rest = done.stderr[done.stderr.index("error: ") :].splitlines()
    helps = [line.removeprefix("  help: ") for line in rest if line.startswith("  help: ")]
    others = [line.split()[0] for line in rest if not line.startswith(("  help: ", "  config: "))]
    assert others == ["-->", "log:"], done.stderr
    return (first.partition(" failed: ")[2], *helps)


def test_what_is_uploaded_is_what_others_download_and_run(user):
    done = user.upload("private=true")
    assert done.returncode == 0, done.stderr
    repo = user.hub.repos["me/tiny"]
    assert (repo.kind, repo.private, repo.lfs) == ("model", True, {"model.safetensors"})
    sent = files_below(bundle_of(user))
    assert repo.files == sent
    assert user.receipt() == {
        "schema_version": 1,
        "repo": "me/tiny",
        "repo_type": "model",
        "url": f"{user.hub.address}/me/tiny/commit/{oid(1)}",
        "revision": oid(1),
        "files": {name: len(data) for name, data in sent.items()},
    }
    made = files_below(user.recipe / "exp").values()
    assert not [data for data in made if TOKEN.encode() in data]
    (commit,) = [data for _, path, data in user.hub.requests if "/commit/" in path]
    assert json.loads(commit.splitlines()[0])["value"]["summary"] == "Upload tiny/asr recipe"

    done = user.run(*TRANSCRIBE, "--trust_user_code")
    assert (done.returncode, done.stdout) == (0, "a.wav\ttwo four\n"), done.stderr
    done = user.run(*TRANSCRIBE, "--trust_user_code", HF_TOKEN="", HF_HOME="elsewhere")
    assert done.returncode == 1
    assert done.stderr == (
        'error: the hub has no repository "me/tiny", or you may not see it\n'
        "  help: log in with: hf auth login (or set HF_TOKEN)\n"
    )


def test_what_exists_is_changed_only_when_wanted(user):
    before = {"old.txt": b"", "notes.md": b""}
    user.hub.repos["me/tiny"] = Repository(commits=[before])
    assert refusal(user.upload()) == (
        'the repository "me/tiny" exists already',
        "write update: true to change it, or choose another hf_repo",
    )
    assert user.hub.repos["me/tiny"].commits == [before]
    done = user.upload("update=true", "delete_patterns=['*.txt']")
    assert done.returncode == 0, done.stderr
    assert user.hub.repos["me/tiny"].files == {**files_below(bundle_of(user)), "notes.md": b""}


def test_a_dry_run_sends_nothing_and_shows_everything(user):
    done = user.upload("dry_run=true", "private=true")
    assert done.returncode == 0, done.stderr
    assert user.hub.requests == []
    sizes = {name: len(data) for name, data in files_below(bundle_of(user)).items()}
    assert user.receipt() == {"schema_version": 1, "dry_run": True, "files": sizes}
    total = f"{len(sizes)} files, {sum(sizes.values()):,} bytes"
    aim = "to the private model me/tiny, which must not exist yet"
    rows = [f"{size:>12,}  {name}" for name, size in sorted(sizes.items())]
    plan = "\n".join([f"dry run, nothing is uploaded: {total} {aim}:", *rows])
    assert plan in done.stdout


@pytest.mark.parametrize(
    ("part", "status", "message"),
    [
        ("PUT /objects/", 403, 'you may not write to "me/tiny"'),
        ("/preupload/", 404, "the hub refused: * 404 *: the hub has had enough"),
        ("/commit/", 409, "the hub refused: * 409 *: the hub has had enough"),
        ("/lfs/objects/batch", 413, "the hub refused: * 413 *: the hub has had enough"),
        ("/repos/create", 500, "the hub refused: * 500 *: the hub has had enough"),
        ("/commit/", 0, "the hub cannot be reached: *"),
    ],
)
def test_a_hub_that_fails_in_the_middle_is_told_in_one_sentence(user, part, status, message):
    user.hub.failing = (part, status)
    said, *helps = refusal(user.upload())
    if "*" in message:
        begin, *middle, end = message.split("*")
        assert said.startswith(begin), said
        assert said.endswith(end), said
        assert all(words.strip() in said for words in middle)
        assert helps == []
    else:
        assert (said, helps) == (message, ["log in with: hf auth login (or set HF_TOKEN)"])
    assert [repo.files for repo in user.hub.repos.values()] in ([], [{}])
    user.hub.failing = None
    user.hub.repos.clear()
    if status == 0:
        done = user.upload()
        assert done.returncode == 0, done.stderr
        assert user.hub.repos["me/tiny"].files == files_below(bundle_of(user))


def test_a_hub_that_is_not_there(user):
    user.hub.stop()
    (said,) = refusal(user.upload())
    assert said.startswith("the hub cannot be reached: ")


def test_without_a_token(user):
    done = user.upload(HF_TOKEN="")
    assert refusal(done)[0] == 'you may not write to "me/tiny"'


def test_an_altered_bundle_is_not_uploaded(user):
    (bundle_of(user) / "code/src/model.py").write_text("x = 2\n")
    done = user.upload()
    assert done.returncode == 1
    assert "was altered or is damaged" in done.stderr
    assert user.hub.requests == []


def test_no_destination(user):
    done = user.run(
        *("build/run.py", "--stages", "upload_model", "--set", "publication.upload_model=null"),
        folder=user.recipe,
    )
    assert done.returncode == 1
    assert "error[R419 no-destination]" in done.stderr
    assert "upload_model: {hf_repo:" in done.stderr


def test_the_demo_becomes_a_space(user):
    demo = user.recipe / "exp/recipe/pack_demo/demo"
    sent = files_below(demo)
    for folder in (demo, demo / "inner"):  # somebody has tried it
        (folder / "__pycache__").mkdir(parents=True)
        (folder / "__pycache__" / "app.pyc").touch()
    assert user.upload(stage="upload_demo").returncode == 0
    repo = user.hub.repos["we/tiny-demo"]
    assert (repo.kind, repo.lfs) == ("space", {"bundle/model.safetensors"})
    assert repo.files == sent
    assert user.receipt("upload_demo")["files"] == {name: len(data) for name, data in sent.items()}
    (create,) = [data for _, path, data in user.hub.requests if path == "/api/repos/create"]
    assert json.loads(create)["sdk"] == "gradio"


def test_a_space_of_another_owner(user):
    done = user.upload("hf_repo=me/tiny-demo", stage="upload_demo")
    assert '[R607 conflicting-keys]: "me/tiny-demo" does not belong to "we"' in done.stderr
    assert user.hub.requests == []


def test_the_library_is_missing(user):
    (user.place / "huggingface_hub.py").write_text(
        "raise ModuleNotFoundError(name='huggingface_hub')\n"
    )
    done = user.upload(PYTHONPATH=str(user.place))
    assert refusal(done) == (
        'the hub needs the package "huggingface_hub", which is not installed',
        install_command("hub"),
    )
