"""Config views: immutable, cut to what may be read, plain again on demand."""

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet3_runtime.config import ConfigView, iter_leaves, join_key, to_plain
from espnet3_runtime.errors import UndeclaredRead

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


def test_a_view_says_what_it_holds() -> None:
    view = ConfigView({"a": {"b": [1, {"c": 2}]}, "d": None}, "training", hidden=["e"])
    assert len(view) == 2
    assert list(view) == ["a", "d"]
    assert (view.where, view["a"].where, view["a"]["b"][1].where) == (
        "training", "training.a", "training.a.b[1]",
    )  # fmt: skip
    assert view.hidden == {"e"}
    assert view["a"].hidden == frozenset()
    assert repr(view) == "ConfigView({'a': {'b': [1, {'c': 2}]}, 'd': None}, where='training')"
    assert ConfigView({"a": {}})["a"].where == "a"
    assert (ConfigView({}).where, ConfigView({}).hidden) == ("", frozenset())


def test_flat_leaves_are_named_from_the_view_on_and_found_once() -> None:
    view = ConfigView({"a": {"b": [1, {"c": 2}], "d": {}}, "e": None}, "training")
    expected = (("a.b[0]", 1), ("a.b[1].c", 2), ("a.d", {}), ("e", None))
    assert view.flat_leaves == expected
    assert view.flat_leaves is view.flat_leaves
    assert view["a"].flat_leaves == (("b[0]", 1), ("b[1].c", 2), ("d", {}))
    assert ConfigView({}, "training").flat_leaves == ()


def test_a_part_keeps_its_place_and_tells_what_it_hides() -> None:
    view = ConfigView({"a": 1, "b": 2, "c": {"d": 3}}, "training")
    part = view.only(["c", "a", "nothing"])
    assert part.plain() == {"a": 1, "c": {"d": 3}}
    assert list(part) == ["a", "c"]
    assert part.where == "training"
    assert part.hidden == {"b"}
    for read in (part, pickle.loads(pickle.dumps(part)), copy.deepcopy(part)):
        assert read.hidden == {"b"}
        with pytest.raises(UndeclaredRead, match=r'^training\.b: "b" is not in "reads"'):
            read["b"]
        with pytest.raises(KeyError, match=r"^'training\.x'$"):
            read["x"]


def test_views_refuse_attributes() -> None:
    view = ConfigView({"a": 1}, "training")
    for change in (lambda: setattr(view, "_where", "x"), lambda: delattr(view, "_where")):
        with pytest.raises(AttributeError, match=r"^configs cannot be changed: training$"):
            change()


@pytest.mark.parametrize(
    ("where", "key", "path"),
    [("", "a", "a"), ("a", "b", "a.b"), ("a", 0, "a[0]"), ("", 2, "[2]"), ("a.b", 1, "a.b[1]")],
)
def test_key_paths(where: str, key: str | int, path: str) -> None:
    assert join_key(where, key) == path


def test_plain_values_are_copies_of_dicts_and_lists() -> None:
    view = ConfigView({"a": [1, (2, {"b": ()})], "t": "text"})
    assert to_plain(view) == view.plain() == {"a": [1, [2, {"b": []}]], "t": "text"}
    assert view["a"] == (1, (2, ConfigView({"b": ()})))
    assert to_plain(3) == 3
