"""Stages that do what another one does: a copied line that still names the config of its original.

Passes: ``{name: infer_b, run: infer, config: decode_b}`` beside ``infer_a`` with ``decode_a``; two
trainings with the only config that there is; ``measure_b`` with other metrics or results.
Fails: ``infer_b`` with ``decode_a`` as well; with a ``decode_b`` that has the checkpoint of
``train_a``; a training ``full`` with the config of ``easy`` that leaves ``training_full`` unread;
``measure_b`` with the results of ``infer_a`` again.
"""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.lower import config_roles
from espnet3_compiler.manifest.recipe import Recipe, Resolved, RoleBinding, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.stage_inputs import binding_keys, leaves_read_by, output_uses
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Node, Plain, Scalar, to_python

_ROLES = {"train": "training", "infer": "inference"}


class _Work(NamedTuple):
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
        words = _words_of(self.name)
        return sum(len(words & _words_of(name)) for name in (self.binding.config, *dict(self.uses)))

    def was_renamed(self, other: "_Work") -> bool:
        """Return whether two stages were given one name, of which one was replaced."""
        texts = [one.stage.name.span.text for one in (self, other)]
        return texts[0] == texts[1] and "${" not in texts[0]


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R432."""
    if not recipe.complete:
        return
    found = []
    for kind in _ROLES:
        works = list(_works_of(kind, recipe, resolved))
        alike: dict[str, list[_Work]] = {}
        for work in works:
            alike.setdefault(work.key, []).append(work)
        for pair in (pair for group in alike.values() for pair in combinations(group, 2)):
            first, second = sorted(pair, key=lambda one: -one.fit)
            found += list(_compare(first, second, works, recipe))
    found += list(_compare_measures(recipe))
    yield from first_per_location(found)


def _compare_measures(recipe: Recipe) -> Iterator[Diagnostic]:
    """Report stages that score the results of an inference with the same metrics again."""
    stages = list(stages_of_kind("measure", recipe))
    scored = {stage.name.value: _configs_of(stage) for stage in stages}
    inferred = [_configs_of(stage).get("inference") for stage in stages_of_kind("infer", recipe)]
    for pair in combinations(stages, 2):
        first, second = sorted(pair, key=lambda one: -_fit_of(one))
        bindings, others = scored[second.name.value], scored[first.name.value]
        names = [{role: one.config for role, one in each.items()} for each in (bindings, others)]
        waits = [{str(need.value) for need in one.needs} for one in (first, second)]
        copied = names[0] == names[1] and waits[0] == waits[1]
        if copied and first.name.span.text != second.name.span.text:
            read = {one["inference"].config for one in scored.values() if "inference" in one}
            unread = [one.config for one in inferred if one and one.config not in read]
            yield _same_scores(first, second, bindings, unread)


def _configs_of(stage: StageDecl) -> dict[str, RoleBinding]:
    return {one.role: one for one in stage.configs}


def _fit_of(stage: StageDecl) -> int:
    """Return how many words of a stage's name are in those of its configs."""
    words = _words_of(str(stage.name.value))
    return sum(len(words & _words_of(one.config)) for one in stage.configs)


def _same_scores(
    first: StageDecl, second: StageDecl, bindings: dict[str, RoleBinding], unread: list[str]
) -> Diagnostic:
    """Return R432 for a stage that scores what another one scores.

    Args:
        first: The other stage.
        second: The stage.
        bindings: Its configs.
        unread: Inference configs whose results no stage scores.
    """
    advice = "give it a config of its own, or remove it"
    if len(unread) == 1:
        advice = f'did you mean "{unread[0]}", whose results no stage scores?'
    binding = bindings.get("inference") or next(iter(bindings.values()))
    return Diagnostic(
        "R432",
        f'stages "{first.name.value}" and "{second.name.value}" score the same results',
        Label(binding.span, "scored already"),
        related=(Label(first.name.span, "by this stage"),),
        help=(advice,),
    )


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
            (name, leaf.node)
            for leaf in leaves_read_by(stage, recipe, resolved)
            if leaf.path[:1] == ("checkpoint",)
            for name, _, _ in output_uses(leaf.node)
        )
        yield _Work(stage, binding, content, rest, uses)


def _value(node: Node | None) -> object:
    return node.value if isinstance(node, Scalar) else None


def _compare(
    first: _Work, second: _Work, works: list[_Work], recipe: Recipe
) -> Iterator[Diagnostic]:
    """Judge two stages that do the same, of which the second fits its config less.

    One config may be trained with twice, as a start of one another or to see that it is the same.
    """
    if second.was_renamed(first):
        return
    same_config = first.binding.config == second.binding.config
    others = works if same_config else []
    meant = _meant_config(first, second, others, recipe)
    if meant or _ROLES["infer"] == second.binding.role:
        yield (
            _same_config(first, second, meant)
            if same_config
            else _same_values(first, second, works, recipe)
        )


def _meant_config(first: _Work, second: _Work, works: list[_Work], recipe: Recipe) -> str | None:
    """Return the config that a stage was probably meant to read: no stage of its kind reads it.

    Args:
        first: A stage that reads the same config.
        second: The stage.
        works: All stages of the kind, or none.
        recipe: The recipe.
    """
    read = {one.binding.config for one in works}
    words = _words_of(second.name) - _words_of(second.binding.config) - _words_of(first.name)
    based = {str(one.extends.value) for one in recipe.configs if one.extends}
    fitting = [
        name
        for name, role in config_roles(recipe).items()
        if name not in read and words & _words_of(name)
        if role == second.binding.role or (role is None and name not in based)
    ]
    return fitting[0] if works and len(fitting) == 1 else None


def _words_of(name: str) -> set[str]:
    return set(re.split(r"[_\W]+|(?<=[a-z])(?=\d)", name.lower())) - {""}


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
        words = _words_of(second.name) | _words_of(second.binding.config)
        trainings = [str(one.name.value) for one in stages_of_kind("train", recipe)]
        others = [one for one in trainings if one not in used and words & _words_of(one)]
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
