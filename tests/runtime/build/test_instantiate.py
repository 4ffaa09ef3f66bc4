"""instantiate: the same as Hydra's, and clear errors."""

from functools import partial
from typing import Any

import hydra.utils
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet3_runtime.build.instantiate import instantiate, locate_target
from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import InstantiateError
from tests.runtime import instantiate_targets
from tests.runtime.instantiate_targets import view

HERE = "tests.runtime.instantiate_targets"
TARGETS = [f"{HERE}.Thing", f"{HERE}.Outer.Inner", f"{HERE}.Outer.build", f"{HERE}.function"]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1000, 1000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text("abc xyz", max_size=5),
)
keys = st.sampled_from(["a", "b", "c", "size", "_d"])


def _node(children: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    flags = st.fixed_dictionaries(
        {"_target_": st.sampled_from(TARGETS)},
        optional={
            "_partial_": st.booleans(),
            "_recursive_": st.booleans(),
            "_convert_": st.sampled_from(["none", "partial", "object", "all"]),
            "_args_": st.lists(children, max_size=2),
        },
    )
    values = st.dictionaries(keys, children, max_size=3)
    return st.builds(lambda values, flags: {**values, **flags}, values, flags)


values = st.recursive(
    scalars,
    lambda children: st.one_of(
        st.lists(children, max_size=3), st.dictionaries(keys, children, max_size=3), _node(children)
    ),
    max_leaves=12,
)


def _plain_for_hydra(node: Any) -> Any:
    """Force plain containers everywhere: that is the one documented difference."""
    if isinstance(node, dict):
        inner = {key: _plain_for_hydra(value) for key, value in node.items()}
        return {**inner, "_convert_": "all"} if "_target_" in node else inner
    return [_plain_for_hydra(item) for item in node] if isinstance(node, list) else node


@given(_node(values), st.dictionaries(keys, scalars, max_size=2))
@settings(max_examples=150, deadline=None)
def test_same_as_hydra(node: dict[str, Any], extra: dict[str, Any]) -> None:
    theirs = hydra.utils.instantiate(_plain_for_hydra(node), _convert_="all", **extra)
    assert view(instantiate(_plain_for_hydra(node), **extra)) == view(theirs)


@given(_node(values), st.lists(scalars, min_size=1, max_size=2))
@settings(max_examples=50, deadline=None)
def test_positional_arguments_replace_args_as_in_hydra(node: Any, args: list[Any]) -> None:
    node = _plain_for_hydra(node)
    theirs = hydra.utils.instantiate(node, *args, _convert_="all")
    assert view(instantiate(node, *args)) == view(theirs)


@given(_node(values))
@settings(max_examples=50, deadline=None)
def test_a_view_gives_what_the_plain_node_gives(node: dict[str, Any]) -> None:
    assert view(instantiate(ConfigView(node, "training.model"))) == view(instantiate(node))


@given(st.lists(values, max_size=3))
@settings(max_examples=50, deadline=None)
def test_a_list_of_nodes_as_in_hydra(nodes: list[Any]) -> None:
    nodes = _plain_for_hydra(nodes)
    theirs = hydra.utils.instantiate(nodes, _convert_="all")
    assert view(instantiate(nodes)) == view(theirs)


def test_targets_receive_plain_containers() -> None:
    node = ConfigView({"_target_": f"{HERE}.Thing", "a": {"b": [1, {"c": 2}]}}, "m")
    kwargs = instantiate(node).kwargs
    assert kwargs == {"a": {"b": [1, {"c": 2}]}}
    assert type(kwargs["a"]) is dict
    assert type(kwargs["a"]["b"]) is list
    node = ConfigView({"_target_": f"{HERE}.Thing", "_recursive_": False, "a": {"b": [1]}}, "m")
    assert type(instantiate(node).kwargs["a"]["b"]) is list


def test_live_objects_pass_through_untouched() -> None:
    live = object()
    made = instantiate({"_target_": f"{HERE}.Thing", "a": 1}, b=live)
    assert made.kwargs["b"] is live


def test_none_and_partial() -> None:
    assert instantiate(None) is None
    made = instantiate({"_target_": f"{HERE}.strict", "_partial_": True, "two": 5})
    assert isinstance(made, partial)
    assert made(1) == (1, 5)


def test_a_callable_as_target() -> None:
    assert instantiate({"_target_": instantiate_targets.strict, "one": 4}) == (4, 2)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"_target_": "no_such_package.X"}, 'there is no module "no_such_package"'),
        ({"_target_": f"{HERE}.Thin"}, 'did you mean "Thing"'),
        ({"_target_": f"{HERE}.value"}, "is not callable"),
        ({"_target_": f"{HERE}..Thing"}, "is not a dotted name"),
        ({"_target_": "json.decoder.nothing"}, '"json.decoder" has no "nothing"'),
        ({"_target_": f"{HERE}.Thing", "_args_": 3}, "_args_ is a list"),
        ({"_target_": f"{HERE}.Thing", "_partial_": "yes"}, "_partial_ is true or false"),
        ({"_target_": f"{HERE}.strict", "three": 3}, "unexpected keyword argument 'three'"),
    ],
)
def test_errors_name_place_and_reason(node: dict[str, Any], message: str) -> None:
    with pytest.raises(InstantiateError) as caught:
        instantiate(ConfigView({"inner": [node]}, "training.model"))
    assert message in str(caught.value)
    assert caught.value.where == "training.model.inner[0]"


def test_the_original_exception_is_the_cause() -> None:
    with pytest.raises(InstantiateError) as caught:
        instantiate({"_target_": f"{HERE}.broken"}, where="training.scheduler")
    assert isinstance(caught.value.__cause__, KeyError)
    assert "training.scheduler" in str(caught.value)


def test_a_module_that_fails_to_import_says_what_it_lacks(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lacking_module.py").write_text("import not_installed_anywhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InstantiateError, match='needs the module "not_installed_anywhere"'):
        locate_target("lacking_module.Model")
