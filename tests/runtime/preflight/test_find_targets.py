"""Which targets there are, and what the runtime adds to their arguments."""

from typing import Any

import pytest

from espnet3_runtime.preflight.find_targets import (
    Target,
    call_targets,
    config_targets,
    model_targets,
)
from espnet3_runtime.preflight.protocol import RecipeLocation


def of_training(**values: Any) -> list[tuple[str, tuple[Any, ...], int, tuple[str, ...], bool]]:
    found = config_targets("small", "training", values)
    targets = list(found)
    assert {target.location.owner for target in targets} <= {("configs", "small")}
    return [
        (one.name, one.location.path, one.positional, one.supplied, one.judged) for one in targets
    ]


def test_what_the_runtime_passes_is_known_by_the_place() -> None:
    assert of_training(
        optimizer={"_target_": "a.Optimizer"},
        scheduler={"_target_": "a.Scheduler"},
        trainer={"callbacks": [{"_target_": "a.Callback"}, {"_target_": "a.Other"}]},
        dataloader={"collate_fn": {"_target_": "a.Collate"}},
    ) == [
        ("a.Optimizer", ("optimizer",), 1, (), True),
        ("a.Scheduler", ("scheduler",), 0, ("optimizer",), True),
        ("a.Callback", ("trainer", "callbacks", 0), 0, (), True),
        ("a.Other", ("trainer", "callbacks", 1), 0, (), True),
        ("a.Collate", ("dataloader", "collate_fn"), 0, (), True),
    ]


@pytest.mark.parametrize(
    ("node", "names"),
    [
        ({"_target_": "a.A", "b": {"_target_": "a.B"}}, [("a.A", True), ("a.B", True)]),
        (
            {"_target_": "a.A", "_recursive_": False, "b": [{"_target_": "a.B"}]},
            [("a.A", True), ("a.B", False)],
        ),
        (
            {"_target_": "a.A", "_recursive_": True, "b": ({"_target_": "a.B"},)},
            [("a.A", True), ("a.B", True)],
        ),
        ({"_target_": "${late}", "b": {"_target_": "a.B"}}, [("a.B", True)]),
        ({"b": {"_target_": 3, "c": {"_target_": "a.C"}}}, [("a.C", True)]),
        ({"_recursive_": False, "b": {"_target_": "a.B"}}, [("a.B", True)]),
        ({}, []),
    ],
)
def test_targets_within_targets(node: dict[str, Any], names: list[tuple[str, bool]]) -> None:
    assert [(one.name, one.judged) for one in model_targets("net", node)] == names


def test_a_config_without_a_role_has_none() -> None:
    node = {"optimizer": {"_target_": "a.A"}}
    assert list(config_targets("free", None, node)) == []


@pytest.mark.parametrize(("function", "calls"), [("src.f.use", 1), ("src.${late}", 0)])
def test_those_of_a_call_come_before_its_function(function: str, calls: int) -> None:
    owner = ("stages", "use")
    inner = Target("a.A", RecipeLocation(owner, ("with", "x", 1)))
    found = list(call_targets("use", function, {"with": {"x": [1, {"_target_": "a.A"}]}}))
    assert found == [inner, *[Target(function, RecipeLocation(owner))] * calls]


def test_a_metric_and_a_runner_get_what_the_runtime_offers() -> None:
    metric = {"metrics": [{"metric": {"_target_": "a.Metric"}}]}
    (one,) = config_targets("metrics", "metrics", metric)
    assert (one.name, one.location.path) == ("a.Metric", ("metrics", 0, "metric"))
    node = {"runner": {"_target_": "a.Runner"}, "provider": {"_target_": "a.Provider"}}
    found = {one.name: one for one in config_targets("inference", "inference", node)}
    assert found.keys() == {"a.Runner", "a.Provider"}
    assert found["a.Provider"].positional + len(found["a.Provider"].supplied) == 3
