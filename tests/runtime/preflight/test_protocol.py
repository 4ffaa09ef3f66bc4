"""The lines that are answered, and the locations in them."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from espnet3_runtime.build.lock import load_build
from espnet3_runtime.preflight.no_effects import Network
from espnet3_runtime.preflight.protocol import Answers, CodePlace, RecipeLocation
from espnet3_runtime.preflight.request import Request, request_of
from tests.runtime.toy import Toy

NET = RecipeLocation(("models", "net"), ("layers", 0), "train")
PLACE = CodePlace("/r/src/net.py", 3, 5, 9, "forward")
PLAIN = {"owner": ["models", "net"], "path": ["layers", 0], "stage": "train"}
FINDING = {
    "kind": "finding",
    "code": "R903",
    "message": "wrong",
    "label": "",
    "help": [],
    "notes": [],
    "numbers": [],
    "place": None,
    "in_code": False,
    "warns": False,
    **PLAIN,
}


def said(tell: Callable[[Answers], object]) -> list[dict[str, Any]]:
    file = io.StringIO()
    tell(Answers(file, Network()))
    return [json.loads(line) for line in file.getvalue().splitlines()]


def test_every_answer_is_one_line_of_json() -> None:
    def tell(answers: Answers) -> None:
        answers.step(NET, "constructing it")
        answers.note("too large")
        answers.warning(PLACE, "old")
        answers.model({"name": "Net", "parameters": 3})
        answers.end()

    place = {"file": "/r/src/net.py", "line": 3, "column": 5, "end_column": 9, "name": "forward"}
    assert said(tell) == [
        {"kind": "step", "what": "constructing it", **PLAIN},
        {"kind": "note", "text": "too large"},
        {"kind": "warning", "place": place, "text": "old"},
        {"kind": "model", "name": "Net", "parameters": 3},
        {"kind": "end"},
    ]


def test_each_line_is_there_before_the_next_step_begins(tmp_path: Path) -> None:
    with (tmp_path / "answers").open("w") as file:
        Answers(file, Network()).step(NET, "it")
        assert json.loads((tmp_path / "answers").read_text())["what"] == "it"


def test_a_finding_has_every_part() -> None:
    assert said(lambda answers: answers.report_finding("R903", NET, "wrong")) == [FINDING]

    def tell(answers: Answers) -> None:
        more: dict[str, Any] = {"help_": ["a"], "notes": ["b"], "numbers": [4], "place": PLACE}
        answers.report_finding("R1", NET, "m", label="l", in_code=True, warns=True, **more)

    (found,) = said(tell)
    assert found == {
        **FINDING,
        "code": "R1",
        "message": "m",
        "label": "l",
        "help": ["a"],
        "notes": ["b"],
        "numbers": [4],
        "in_code": True,
        "warns": True,
        "place": found["place"],
    }
    assert found["place"]["line"] == 3


@pytest.mark.parametrize(
    ("second", "count"),
    [
        ({}, 1),
        ({"code": "R909"}, 1),
        ({"cause": "TypeError"}, 2),
        ({"place": CodePlace("/r/src/net.py", 4, 5, 9, "forward")}, 2),
        ({"place": CodePlace("/r/src/other.py", 3, 5, 9, "forward")}, 2),
        ({"place": CodePlace("/r/src/net.py", 3, 1, 2, "init")}, 1),
        ({"place": None}, 2),
        ({"cause": ""}, 2),
    ],
)
def test_one_cause_at_one_line_is_told_once(second: dict[str, Any], count: int) -> None:
    def tell(answers: Answers) -> None:
        first = {"code": "R903", "place": PLACE, "cause": "ValueError"}
        for given in (first, first | second):
            answers.report_finding(location=NET, message="wrong", **given)
        assert len(answers.found) == 2

    assert len(said(tell)) == count


@pytest.mark.parametrize(
    ("code", "message", "count"),
    [
        *[(code, "wrong", 1) for code in ("R412", "R909", "R911")],
        *[(code, "wrong", 2) for code in ("R903", "R902", "R908")],
        ("R909", "other", 2),
    ],
)
def test_what_is_wrong_in_several_places_for_one_reason(
    code: str, message: str, count: int
) -> None:
    def tell(answers: Answers) -> None:
        answers.report_finding("R901", NET, "wrong")
        answers.report_finding(code, NET, message)

    assert len(said(tell)) == count


def test_a_note_is_told_once() -> None:
    def tell(answers: Answers) -> None:
        for text in ("a", "b", "a"):
            answers.note(text)

    assert [line["text"] for line in said(tell)] == ["a", "b"]


def test_what_is_wrong_and_what_is_named() -> None:
    answers = Answers(io.StringIO(), Network())
    assert not answers.is_wrong(("models", "net"))
    answers.report_finding("R903", NET, "no \"width\" and no 'height' in it")
    for owner, path, wrong in (
        (("models", "net"), (), True),
        (("models", "net"), ("layers",), True),
        (("models", "net"), ("layers", 0), True),
        (("models", "net"), ("layers", 0, "size"), False),
        (("models", "net"), ("layers", 1), False),
        (("configs", "net"), (), False),
    ):
        assert answers.is_wrong(owner, path) == wrong, (owner, path)
    named = [name for name in ("width", "height", "it", "no") if answers.mentions(name)]
    assert named == ["width", "height"]


def test_a_step_is_remembered_with_the_connections_refused_before() -> None:
    network = Network()
    answers = Answers(io.StringIO(), network)
    assert (answers.current_step, answers.refused_before) == ("", 0)
    assert answers.current_location == RecipeLocation(("stages", ""))
    assert (answers.needs_packages, answers.needs_devices) == (False, False)
    assert answers.excuse(ValueError()) == ""
    network.refused = 2
    answers.step(NET, "it")
    assert (answers.current_step, answers.refused_before) == ("it", 2)
    assert answers.current_location == NET


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> Request:
    toy = Toy(tmp_path_factory.mktemp("recipe"))
    toy.file("src/net.py", "class Net:\n    pass\n\n\ndef use(size, parts):\n    pass\n")
    toy.models["net"] = {"_target_": "src.net.Net"}
    optimizer = {"_target_": "torch.optim.SGD", "lr": 0.1}
    toy.configs["small"] = {"dataset": {"train": [{}]}, "optimizer": optimizer}
    toy.configs["settings"] = {"list": [{"a": 1}, 2]}
    methods = "    def __len__(self): ...\n    def __getitem__(self, index): ...\n"
    toy.file("dataset/__init__.py", f"class Dataset:\n{methods}")
    toy.run("train", "train", model="net", config={"training": "small"})
    toy.call("use", "src.net.use", {"size": 3, "parts": [{"_target_": "src.net.Net"}]})
    toy.stages[-1]["config"] = {"settings": "settings"}
    return request_of(load_build(toy.write().build))


@pytest.mark.parametrize(
    ("where", "role", "owner", "path"),
    [
        ("models.net.layers[0].size", "training", ("models", "net"), ("layers", 0, "size")),
        ("models.net", "training", ("models", "net"), ()),
        ("models", "training", ("configs", "small"), ("models",)),
        ("stages.use.with.size", "training", ("stages", "use"), ("with", "size")),
        ("settings.list[1]", "training", ("configs", "settings"), ("list", 1)),
        ("small", "training", ("configs", "small"), ()),
        ("training.optimizer.lr", "training", ("configs", "small"), ("optimizer", "lr")),
        ("optimizer.lr", "training", ("configs", "small"), ("optimizer", "lr")),
        ("optimizer", "inference", ("configs", "inference"), ("optimizer",)),
        ("", "training", ("configs", "small"), ()),
    ],
)
def test_the_location_that_a_message_names(
    where: str, role: str, owner: tuple[str, str], path: tuple[str | int, ...], request_: Request
) -> None:
    stage = request_.stage("train")
    assert stage
    assert request_.locate(where, stage, role) == RecipeLocation(owner, path, "train")


@pytest.mark.parametrize(
    ("owner", "path", "value"),
    [
        (("models", "net"), ("_target_",), "src.net.Net"),
        (("configs", "settings"), ("list", 1), 2),
        (("configs", "settings"), ("list", 2), None),
        (("configs", "settings"), ("list", "a"), None),
        (("configs", "settings"), ("list", 1, "a"), None),
        (("configs", "settings"), ("no", "a"), None),
        (("configs", "none"), (), None),
        (("stages", "use"), ("with", "size"), 3),
        (("stages", "train"), ("with",), None),
    ],
)
def test_the_value_at_a_location(
    owner: tuple[str, str], path: tuple[str | int, ...], value: object, request_: Request
) -> None:
    assert request_.node(RecipeLocation(owner, path)) == value


def test_a_build_as_a_request(request_: Request) -> None:
    directory = request_.recipe_dir
    assert request_.data_dir == directory / "data"
    assert request_.roles == {"small": "training", "settings": None}
    assert [view.where for view in request_.configs.values()] == ["small", "settings"]
    assert [view.where for view in request_.models.values()] == ["models.net"]
    assert {name: view.where for name, view in request_.calls.items()} == {"use": "stages.use"}
    assert [stage.name for stage in request_.stages] == ["train", "use"]
    assert request_.largest == 0
    assert request_.stage("none") is None
    collate = "espnet3_runtime.data.collate.CommonCollateFn"
    found = [(target.name, target.location) for target in request_.targets()]
    assert found == [
        ("src.net.Net", RecipeLocation(("models", "net"))),
        (collate, RecipeLocation(("configs", "small"), ("dataloader", "collate_fn"))),
        ("torch.optim.SGD", RecipeLocation(("configs", "small"), ("optimizer",))),
        ("src.net.Net", RecipeLocation(("stages", "use"), ("with", "parts", 0))),
        ("src.net.use", RecipeLocation(("stages", "use"))),
    ]
