"""Config views: immutable, cut to what may be read, plain again on demand."""

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet3_runtime.config import ConfigView, iter_leaves, to_plain
from espnet3_runtime.errors import UndeclaredRead, UserError

trees = st.dictionaries(
    st.text("abc", min_size=1, max_size=3),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3),
        ),
        max_leaves=8,
    ),
    max_size=4,
)


@given(trees)
def test_plain_is_the_inverse(tree: dict[str, Any]) -> None:
    assert ConfigView(tree, "x").plain() == tree
    assert pickle.loads(pickle.dumps(ConfigView(tree, "x"))) == ConfigView(tree, "x")
    assert copy.deepcopy(ConfigView(tree, "x")) == ConfigView(tree, "x")


@given(trees)
def test_leaves_tell_trees_apart(tree: dict[str, Any]) -> None:
    found = dict(iter_leaves(ConfigView(tree, "x")))
    assert found == dict(iter_leaves(tree))
    assert all(not isinstance(leaf, dict | list) or not leaf for leaf in found.values())


def test_what_is_empty_is_a_leaf() -> None:
    tree = {"a": {}, "b": [], "c": [{"d": [], "e": {}}, 1]}
    assert list(iter_leaves(tree)) == [
        ("a", {}),
        ("b", []),
        ("c[0].d", []),
        ("c[0].e", {}),
        ("c[1]", 1),
    ]


def test_nothing_can_be_changed() -> None:
    source = {"a": {"b": [1, 2]}}
    view = ConfigView(source, "training")
    source["a"]["b"].append(3)
    assert view["a"]["b"] == (1, 2)
    with pytest.raises(TypeError, match="does not support item assignment"):
        view["a"] = 1  # type: ignore[index]
    with pytest.raises(AttributeError, match=r"training.a"):
        view["a"].x = 1
    view.plain()["a"]["b"].append(9)
    assert to_plain(view) == {"a": {"b": [1, 2]}}


def test_places_are_known() -> None:
    view = ConfigView({"dataset": {"train": [{"name": "x"}]}}, "training")
    assert view["dataset"]["train"][0].where == "training.dataset.train[0]"
    with pytest.raises(KeyError, match=r"training.dataset.trian"):
        view["dataset"]["trian"]


def test_undeclared_reads_are_faults_of_ours_not_missing_keys() -> None:
    view = ConfigView({"dataset": 1, "trainer": 2}, "training").only(["dataset"])
    assert list(view) == ["dataset"]
    for read in (lambda: view["trainer"], lambda: view.get("trainer"), lambda: "trainer" in view):
        with pytest.raises(UndeclaredRead, match=r"training.trainer"):
            read()
    assert view.get("unknown", 5) == 5
    restored = pickle.loads(pickle.dumps(view))
    with pytest.raises(UndeclaredRead, match=r"training.trainer"):
        restored["trainer"]


def test_user_errors_cross_processes_whole() -> None:
    error = pickle.loads(pickle.dumps(UserError("what", where="a.b", hint="do this")))
    assert str(error) == "what\n  config: a.b\n  help: do this"
