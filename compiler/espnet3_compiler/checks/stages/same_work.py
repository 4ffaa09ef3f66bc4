"""Stages that do what another one does: a copied line that still names the config of its original.

Passes: ``{name: infer_b, run: infer, config: decode_b}`` beside ``infer_a`` with ``decode_a``; two
trainings with the only config that there is.
Fails: ``infer_b`` with ``decode_a`` as well; with a ``decode_b`` that has the checkpoint of
``train_a``; a training ``full`` with the config of ``easy`` that leaves ``training_full`` unread;
trainings of a matrix whose seed stands in their names alone.
"""

import json
import re
from bisect import bisect
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import takewhile

from msgspec import Struct

from espnet3_compiler.checks.names.unused_matrix_names import is_mentioned, unused_name
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.lower import config_roles
from espnet3_compiler.manifest.recipe import Recipe, Resolved, RoleBinding, StageDecl
from espnet3_compiler.manifest.row_ids import ID
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.stage_inputs import (
    binding_keys,
    outputs_read_by,
    starting_weights,
)
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Node, Plain, Scalar, to_python

_ROLES = {"train": "training", "infer": "inference"}


class _Work(Struct, frozen=True):
    """What a stage does.

    Attributes:
        stage: The stage.
        binding: Its config.
        content: What it reads of the config.
        rest: Its model, what it waits for.
        uses: The stages whose outputs its config names, with where it does.
    """

    stage: StageDecl
    binding: RoleBinding
    content: Plain
    rest: tuple[object, ...]
    uses: tuple[tuple[str, Scalar], ...]

    @property
    def key(self) -> str:
        """A text that is the same for all that do the same."""
        return json.dumps([self.content, self.rest], sort_keys=True, default=repr)

    @property
    def name(self) -> str:
        """The name of the stage."""
        return str(self.stage.name.value)

    @property
    def fit(self) -> int:
        """How many words of its name are in those of its config and of the stages it reads."""
        words = words_of(self.name)
        return sum(len(words & words_of(name)) for name in (self.binding.config, *dict(self.uses)))

    def was_renamed(self, other: "_Work") -> bool:
        """Return whether two stages were given one name, of which one was replaced."""
        texts = [one.stage.name.span.text for one in (self, other)]
        return texts[0] == texts[1] and "${" not in texts[0]


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R432, and R212 for rows of a matrix."""
    if not recipe.complete:
        return
    found = []
    for kind in _ROLES:
        works = list(_works_of(kind, recipe, resolved))
        unread = _unread_configs(kind, recipe)
        alike: dict[str, list[_Work]] = {}
        for work in works:
            alike.setdefault(work.key, []).append(work)
        for group in (group for group in alike.values() if len(group) > 1):
            found += _compare_group(group, works, unread, recipe)
            found += _compare_rows(group, recipe, resolved)
    yield from first_per_location(found)


def _compare_group(
    group: list[_Work], works: list[_Work], unread: list[str], recipe: Recipe
) -> list[Diagnostic]:
    """Compare each stage with the first that has its config, and the first that has another.

    Args:
        group: Stages that do the same.
        works: All stages of their kind.
        unread: The configs that none of them reads.
        recipe: The recipe.
    """
    fits = [work.fit for work in group]
    same: dict[str, list[int]] = {}
    for number, work in enumerate(group):
        same.setdefault(work.binding.config, []).append(number)
    found: dict[tuple[int, int], Diagnostic] = {}
    for number, work in enumerate(group):
        others = range(len(group)) if len(same) > 1 else ()
        for pool, is_same in ((same[work.binding.config], True), (others, False)):
            for other in _originals_of(number, pool, fits):
                first = group[other]
                if (first.binding.config == work.binding.config) is not is_same:
                    continue
                if finding := _compare(first, work, works, unread, recipe):
                    found[min(number, other), max(number, other)] = finding
                    break
    return [finding for _, finding in sorted(found.items())]


def _compare_rows(group: list[_Work], recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Report the names of a matrix that set nothing apart but the names of stages.

    Args:
        group: Stages that do the same.
        recipe: The recipe.
        resolved: The weights that stages start from.
    """
    first: dict[tuple[object, ...], Mapping] = {}
    for work in group:
        row = recipe.rows.get(("stages", work.name))
        if row is None or ("configs", work.binding.config) not in recipe.rows:
            continue  # rows with one config may repeat it on purpose
        names, start = tuple(one.name for one in row), starting_weights(work.stage, resolved)
        key = (work.stage.name.span.text, names, start)
        other = first.setdefault(key, row)
        for entry in row:
            before = other.get(entry.name)
            differs = before and to_python(before) != to_python(entry.value)
            if differs and entry.name != ID and is_mentioned(entry.name, recipe):
                yield unused_name(entry.key, "only names use", "the rows do the same")


def _originals_of(number: int, others: Sequence[int], fits: list[int]) -> Iterator[int]:
    """Yield which of other stages that do the same come first, or fit better than one.

    Args:
        number: The one, as its position among them.
        others: The others, in their order.
        fits: How well the name of each fits.
    """
    yield from (n for n in takewhile(lambda n: n < number, others) if fits[n] >= fits[number])
    yield from (n for n in others[bisect(others, number) :] if fits[n] > fits[number])


def _unread_configs(kind: str, recipe: Recipe) -> list[str]:
    """Return the configs that a stage of a kind may read, and none does."""
    read = {binding.config for stage in stages_of_kind(kind, recipe) for binding in stage.configs}
    based = {str(one.extends.value) for one in recipe.configs if one.extends}
    return [
        name
        for name, role in config_roles(recipe).items()
        if name not in read
        if role == _ROLES[kind] or (role is None and name not in based)
    ]


def _works_of(kind: str, recipe: Recipe, resolved: Resolved) -> Iterator[_Work]:
    """Yield what the stages of a kind do."""
    for stage in stages_of_kind(kind, recipe):
        binding = next((one for one in stage.configs if one.role == _ROLES[kind]), None)
        config = resolved.configs.get(binding.config) if binding else None
        if binding is None or config is None or not resolved.is_certain(binding.config):
            continue
        keys = binding_keys(stage, binding, recipe)
        content = {one.name: to_python(one.value) for one in config if one.name in keys}
        rest = (_value(stage.model), *sorted(str(need.value) for need in stage.needs))
        uses = tuple(
            (use.stage, use.leaf.node)
            for use in outputs_read_by(stage, recipe, resolved)
            if use.leaf.path[:1] == ("checkpoint",)
        )
        yield _Work(stage, binding, content, rest, uses)


def _value(node: Node | None) -> object:
    return node.value if isinstance(node, Scalar) else None


def _compare(
    first: _Work, second: _Work, works: list[_Work], unread: list[str], recipe: Recipe
) -> Diagnostic | None:
    """Judge two stages that do the same, of which the second fits its config less.

    One config may be trained with twice, as a start of one another or to see that it is the same.

    Args:
        first: The stage that does it already.
        second: The stage.
        works: All stages of the kind.
        unread: The configs that none of them reads.
        recipe: The recipe.
    """
    if second.was_renamed(first):
        return None
    same_config = first.binding.config == second.binding.config
    meant = _meant_config(first, second, unread) if same_config else None
    if not meant and _ROLES["infer"] != second.binding.role:
        return None
    if same_config:
        return _same_config(first, second, meant)
    return _same_values(first, second, works, recipe)


def _meant_config(first: _Work, second: _Work, unread: list[str]) -> str | None:
    """Return the config that a stage was probably meant to read: no stage of its kind reads it."""
    if not unread:
        return None
    words = words_of(second.name) - words_of(second.binding.config) - words_of(first.name)
    fitting = [name for name in unread if words & words_of(name)]
    return fitting[0] if len(fitting) == 1 else None


@cache
def words_of(name: str) -> frozenset[str]:
    """Return the words of a name, in small letters."""
    return frozenset(re.split(r"[_\W]+|(?<=[a-z])(?=\d)", name.lower())) - {""}


def _same_config(first: _Work, second: _Work, meant: str | None) -> Diagnostic:
    advice = "give it a config of its own, or remove it"
    if meant:
        advice = f'did you mean "{meant}", which no stage of this kind reads?'
    both = "do the same" if second.binding.role == _ROLES["infer"] else "read the same config"
    return Diagnostic(
        "R432",
        f'stages "{first.name}" and "{second.name}" {both}',
        Label(second.binding.span, f"the config of {first.name}"),
        related=(Label(first.binding.span, "read here already"),),
        help=(advice,),
    )


def _same_values(first: _Work, second: _Work, works: list[_Work], recipe: Recipe) -> Diagnostic:
    """Return R432 for two configs of one content, at the checkpoint if that was copied."""
    span, label = second.binding.span, f'a config that equals "{first.binding.config}"'
    advice = "write into its config what sets it apart, or remove the stage"
    if second.uses:
        name, node = second.uses[0]
        span, label = use_location(node), f'the weights that "{first.name}" reads'
        used = {other for work in works for other, _ in work.uses}
        words = words_of(second.name) | words_of(second.binding.config)
        trainings = [str(one.name.value) for one in stages_of_kind("train", recipe)]
        others = [one for one in trainings if one not in used and words & words_of(one)]
        if len(others) == 1:
            meant = str(node.value).replace(f"stages.{name}.", f"stages.{others[0]}.")
            advice = f'did you mean "{meant}"?'
    return Diagnostic(
        "R432",
        f'stage "{second.name}" does the same as "{first.name}"',
        Label(span, label),
        related=(
            Label(second.stage.name.span, "this stage"),
            Label(first.stage.name.span, "the other"),
        ),
        help=(advice,),
    )
