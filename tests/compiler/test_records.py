"""Records behave as the dataclasses of the standard library do, which they stand in for."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet3_compiler import records

WAYS: tuple[Any, Any] = (dataclasses, records)


def twins(build: Callable[[Any], type]) -> tuple[type, type]:
    """Build a class with each of the two modules."""
    return build(WAYS[0]), build(WAYS[1])


def frozen(module: Any) -> type:
    @module.dataclass(frozen=True, slots=True)
    class Place:
        """A place."""

        name: str
        start: int
        note: str = module.field(default="plain", compare=False)
        tags: tuple[str, ...] = ()
        table: dict[str, int] = module.field(default_factory=dict, compare=False)

        @property
        def end(self) -> int:
            """The end."""
            return self.start + len(self.name)

    return Place


def mutable(module: Any) -> type:
    @module.dataclass
    class State:
        """A state."""

        count: int = 0
        seen: list[int] = module.field(default_factory=list)
        _cache: dict[str, int] = module.field(default_factory=dict, repr=False)

    return State


VALUES = st.fixed_dictionaries(
    {"name": st.text(max_size=2), "start": st.integers(0, 2)},
    optional={"note": st.text(max_size=1), "tags": st.tuples(st.sampled_from("ab"))},
)


@given(VALUES, VALUES)
def test_equality_hash_and_repr_are_those_of_dataclasses(first: Any, second: Any) -> None:
    standard, ours = twins(frozen)
    left, right = ours(**first), ours(**second)
    assert (left == right) == (standard(**first) == standard(**second))
    assert (left != right) == (standard(**first) != standard(**second))
    assert repr(left) == repr(standard(**first)).replace(standard.__qualname__, ours.__qualname__)
    if left == right:
        assert hash(left) == hash(right)
    assert left != standard(**first)


@pytest.mark.parametrize("build", [frozen, mutable])
def test_signature_slots_and_match_args_are_those_of_dataclasses(
    build: Callable[[Any], type],
) -> None:
    standard, ours = twins(build)
    assert ours.__match_args__ == standard.__match_args__  # type: ignore[attr-defined]
    assert getattr(ours, "__slots__", None) == getattr(standard, "__slots__", None)
    assert (ours.__hash__ is None) == (standard.__hash__ is None)
    assert ours.__name__ == standard.__name__
    assert ours.__module__ == standard.__module__
    assert ours.__doc__ == standard.__doc__


@pytest.mark.parametrize("module", WAYS)
def test_a_frozen_record_cannot_be_changed(module: Any) -> None:
    place = frozen(module)("a", 1)
    with pytest.raises(AttributeError):
        place.start = 2  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        del place.start  # type: ignore[attr-defined]
    with pytest.raises((AttributeError, TypeError)):
        place.other = 2  # type: ignore[attr-defined]
    assert place.end == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("module", WAYS)
def test_wrong_arguments_are_refused(module: Any) -> None:
    place = frozen(module)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'start'"):
        place("a")
    with pytest.raises(TypeError, match="unexpected keyword argument 'nmae'"):
        place("a", 1, nmae="b")


@pytest.mark.parametrize("module", WAYS)
def test_every_record_has_containers_of_its_own(module: Any) -> None:
    state = mutable(module)
    first, second = state(), state(seen=[1])
    first.seen.append(2)  # type: ignore[attr-defined]
    assert second.seen == [1]  # type: ignore[attr-defined]
    assert state().seen == []  # type: ignore[attr-defined]
    assert state.count == 0  # type: ignore[attr-defined]
    assert not hasattr(state, "seen")


@pytest.mark.parametrize("replace", [dataclasses.replace, records.replace])
def test_replace_changes_what_is_named(replace: Any) -> None:
    place = frozen(records)("a", 1, tags=("x",))
    other = replace(place, start=5)
    assert (other.name, other.start, other.tags) == ("a", 5, ("x",))
    assert place.start == 1  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        replace(place, nmae="b")


def test_the_functions_of_dataclasses_take_records() -> None:
    standard, ours = twins(frozen)
    assert dataclasses.is_dataclass(ours)
    assert dataclasses.asdict(ours("a", 1)) == dataclasses.asdict(standard("a", 1))
    mine, theirs = dataclasses.fields(ours), dataclasses.fields(standard)
    assert [(f.name, f.default, f.compare) for f in mine] == [
        (f.name, f.default, f.compare) for f in theirs
    ]


def test_identity_where_equality_is_not_wanted() -> None:
    @records.dataclass(frozen=True, eq=False)
    class Text:
        text: str

    first, second = Text("a"), Text("a")
    assert first != second
    assert len({first, second}) == 2
