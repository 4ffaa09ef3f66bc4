"""What pack_demo writes, whole, for a bundle without code; and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.bundle import hash_files
from espnet3_runtime.stages.pack_demo import pack_demo
from tests.runtime.inference_kit import make_context

CONTRACT = {
    "inputs": {
        "speech": {"kind": "audio", "sample_rate": 16000, "label": "Recording"},
        "prompt": {"kind": "text", "optional": True},
    },
    "outputs": {
        "text": {"kind": "text"},
        "score": {"kind": "number"},
        "wave": {"kind": "audio", "sample_rate": 8000},
        "parts": {"kind": "segments"},
        "quiet": {"kind": "audio"},
    },
}
FINE = [{"key": "text", "type": "text"}]
TARGET = "src.decode.Reader"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    write_bundle(tmp_path, {"runner": None})
    return tmp_path


def write_bundle(recipe: Path, inference: dict[str, Any], contract: Any = CONTRACT) -> None:
    folder = recipe / "bundle"
    (folder / "code").mkdir(parents=True, exist_ok=True)
    for number in range(7):
        (folder / f"code/{number}.py").touch()
    (folder / "inference.yaml").write_text(yaml.safe_dump(inference))
    (folder / "bundle.json").unlink(missing_ok=True)
    meta = {"format": "espnet3-bundle", "schema_version": 1, "contract": contract}
    (folder / "bundle.json").write_text(json.dumps({**meta, "files": hash_files(folder)}))


def pack(recipe: Path, *, packed: bool = True, **config: Any) -> Path:
    results: dict[str, object] = {}
    context = make_context(
        recipe,
        "pack_demo",
        configs={"demo": {"ui": {"outputs": FINE}, **config}},
        upstream={"pack.bundle": recipe / "bundle"} if packed else {},
        upstream_kinds={"pack": "pack_model"},
        result=results.__setitem__,
    )
    demo = pack_demo(context)["demo"]
    assert demo == context.directory / "demo"
    assert results == {"start": "python exp/tiny/pack_demo/demo/app.py"}
    return demo


def settings_of(demo: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((demo / "demo.yaml").read_text())
    return found


def field(key: str, kind: str, **changes: Any) -> dict[str, Any]:
    rest = {"label": key, "optional": False, "sample_rate": None}
    return {"key": key, "type": kind, **rest, **changes}


def test_a_demo(recipe: Path) -> None:
    demo = pack(recipe)
    names = {path.relative_to(demo).as_posix() for path in demo.iterdir()}
    assert names == {"README.md", "app.py", "bundle", "demo.yaml", "requirements.txt"}
    assert hash_files(demo / "bundle") == hash_files(recipe / "bundle")
    assert settings_of(demo) == {
        "title": "tiny/asr · tiny",
        "description": "",
        "limits": {"max_file_mb": 20, "max_audio_seconds": 120, "delete_after_seconds": 600},
        "model": {"device": "cpu", "trust_user_code": False, "call_args": {}},
        "inputs": [
            field("speech", "audio", label="Recording", sample_rate=16000),
            field("prompt", "text", label="prompt", optional=True),
        ],
        "outputs": [field("text", "text")],
    } | {"model": settings_of(demo)["model"]}
    assert (demo / "README.md").read_text() == (
        "---\n"
        "title: tiny/asr · tiny\n"
        "emoji: 🎙️\n"
        "colorFrom: blue\n"
        "colorTo: gray\n"
        "sdk: gradio\n"
        "app_file: app.py\n"
        "pinned: false\n"
        "tags:\n- speech\n- espnet3-compile\n- tiny\n- asr\n"
        "---\n\n"
        "# tiny/asr · tiny\n\n"
        "A demo of the recipe `tiny/asr`, experiment `tiny`. To start it on your own machine:\n\n"
        "```sh\npip install -r requirements.txt\npython app.py\n```\n"
    )
    assert (demo / "app.py").read_text() == (
        '"""The demo.  Its texts and fields are in demo.yaml; start it with: python app.py"""\n\n'
        "from pathlib import Path\n\n"
        "from espnet3_runtime.publication.demo import launch, make_demo\n\n"
        "demo = make_demo(Path(__file__).resolve().parent)\n\n"
        'if __name__ == "__main__":\n    launch(demo)\n'
    )


@pytest.mark.parametrize(
    ("ui", "side", "fields"),
    [
        (
            {"outputs": [{"key": "wave", "type": "audio"}, {"key": "score", "type": "text"}]},
            "outputs",
            [field("wave", "audio", sample_rate=8000), field("score", "text")],
        ),
        (
            {"inputs": [{"key": "speech", "type": "audio"}], "outputs": FINE},
            "inputs",
            [field("speech", "audio", label="Recording", sample_rate=16000)],
        ),
    ],
)
def test_fields(ui: dict[str, Any], side: str, fields: Any, recipe: Path) -> None:
    assert settings_of(pack(recipe, ui=ui))[side] == fields


def test_fields_of_the_contract(recipe: Path) -> None:
    outputs = {"parts": {"kind": "segments", "label": "Parts"}, "n": {"kind": "number"}}
    write_bundle(recipe, {"runner": None}, {"inputs": {}, "outputs": outputs})
    nothing: dict[str, Any] = {"inputs": [], "outputs": None}
    assert settings_of(pack(recipe, ui=nothing))["outputs"] == [
        *(field("parts", "segments", label="Parts"), field("n", "number")),
    ]
    write_bundle(recipe, {"runner": None}, {"inputs": outputs, "outputs": {}})
    with pytest.raises(UserError) as caught:
        pack(recipe, ui={"inputs": None, "outputs": []})
    assert str(caught.value) == (
        'a page cannot ask for segments ("parts")\n  config: demo.ui.inputs'
    )


def test_fields_without_a_contract(recipe: Path) -> None:
    write_bundle(recipe, {"runner": None}, None)
    ui = {"inputs": [{"key": "a", "type": "audio"}], "outputs": [{"key": "b", "type": "text"}]}
    found = settings_of(pack(recipe, ui=ui))
    assert (found["inputs"], found["outputs"]) == ([field("a", "audio")], [field("b", "text")])
    for side in ui:
        with pytest.raises(UserError) as caught:
            pack(recipe, ui={**ui, side: None})
        assert str(caught.value) == (
            f"the page has no {side}\n  config: demo.ui.{side}\n"
            "  help: declare contract in the inference config, or list the fields here"
        )


@pytest.mark.parametrize(
    ("ui", "told"),
    [
        (
            {"outputs": [{"key": "txt", "type": "text"}]},
            (
                'the contract has no "txt" among its outputs\n  config: demo.ui.outputs\n'
                '  help: did you mean "text"?'
            ),
        ),
        (
            {"outputs": [{"key": "quiet", "type": "audio"}]},
            (
                'the sample rate of "quiet" is not known\n  config: demo.ui.outputs\n'
                "  help: declare sample_rate in the inference config's contract.outputs"
            ),
        ),
        (
            {"outputs": [{"key": "parts", "type": "text"}]},
            (
                '"parts" is segments, which is not for a widget of type text\n'
                "  config: demo.ui.outputs\n"
                "  help: leave outputs out: the page then has those of the contract"
            ),
        ),
        (
            {"outputs": [{"key": "wave", "type": "text"}]},
            (
                '"wave" is audio, which is not for a widget of type text\n'
                "  config: demo.ui.outputs\n  help: write type: audio"
            ),
        ),
        (
            {"inputs": [{"key": "prompt", "type": "text"}]},
            (
                'the page does not ask for "speech", which the contract requires\n'
                "  config: demo.ui.inputs\n"
                "  help: list it here, or make it optional: true in the contract"
            ),
        ),
        ({"description": "no.md"}, 'there is no description "no.md"\n  config: ui.description'),
        ({"app_script": "no.py"}, 'there is no script "no.py"\n  config: ui.app_script'),
    ],
)
def test_refused_pages(ui: dict[str, Any], told: str, recipe: Path) -> None:
    with pytest.raises(UserError) as caught:
        pack(recipe, ui={"outputs": FINE, **ui})
    assert str(caught.value) == told


def test_texts_and_a_page_of_ones_own(recipe: Path) -> None:
    (recipe / "about.md").write_text("**About**\n")
    (recipe / "page.py").write_text("print(1)\n")
    odd = [{"key": "parts", "type": "text"}]
    ui = {"title": "Mine", "description": "about.md", "app_script": "page.py", "outputs": odd}
    files = {"include": ["*.md"], "requirements": ["a", "b>1"], "readme_context": {"emoji": "x"}}
    demo = pack(recipe, ui={**ui, "inputs": []}, pack=files)
    found = settings_of(demo)
    assert (found["title"], found["description"], found["inputs"]) == ("Mine", "**About**\n", [])
    assert (demo / "about.md").is_file()
    assert (demo / "app.py").read_text() == "print(1)\n"
    assert (demo / "requirements.txt").read_text() == "a\nb>1\n"
    readme = (demo / "README.md").read_text()
    assert readme.startswith("---\ntitle: Mine\nemoji: x\ncolorFrom: blue\n")
    assert "\n---\n\n# Mine\n\n" in readme
    plain = pack(recipe, ui={"outputs": FINE, "description": "two\nlines.md"})
    assert settings_of(plain)["description"] == "two\nlines.md"


@pytest.mark.parametrize(
    "name", ["app.py", "demo.yaml", "README.md", "requirements.txt", "bundle/x"][:]
)
def test_names_that_are_taken(name: str, recipe: Path) -> None:
    (recipe / name).parent.mkdir(exist_ok=True)
    (recipe / name).touch()
    if name.startswith("bundle/"):
        write_bundle(recipe, {"runner": None})
    with pytest.raises(UserError) as caught:
        pack(recipe, pack={"include": [name]})
    assert str(caught.value) == (
        f'"{name}" is written by pack_demo itself\n  config: demo.pack.include'
    )


def test_code_that_is_not_trusted(recipe: Path) -> None:
    write_bundle(recipe, {"runner": {"_target_": TARGET}})
    names = "0.py, 1.py, 2.py, 3.py, 4.py and 2 more"
    with pytest.raises(UserError) as caught:
        pack(recipe)
    assert str(caught.value) == (
        f'the bundle "bundle" wants to run code of its own: {TARGET}\n'
        f"    it carries: {names}\n"
        "  help: read that code; to let the demo run it, write model: {trust_user_code: true}"
    )
    demo = pack(recipe, model={"trust_user_code": True})
    assert settings_of(demo)["model"]["trust_user_code"] is True


def test_texts_that_lead_outside_are_for_trusted_bundles(recipe: Path) -> None:
    write_bundle(recipe, {"runner": None, "checkpoint": "/etc/passwd"})
    with pytest.raises(UserError, match=r'^the bundle reads "/etc/passwd", which is outside of it'):
        pack(recipe)
    assert pack(recipe, model={"trust_user_code": True})


def test_no_bundle(recipe: Path) -> None:
    with pytest.raises(UserError) as caught:
        pack(recipe, packed=False)
    assert str(caught.value) == (
        "there is no bundle\n  help: run a stage pack_model before pack_demo"
    )
