"""Tokenizers of several texts that take one another's place.

Passes: ``TextToTokens`` for the field ``translation`` by a tokenizer that was trained on this
field; one tokenizer for several fields, its own among them; a recipe with a single tokenizer.
Fails: a tokenizer that was trained on ``text`` and is used for ``translation`` only; the same two
tokenizers as ``source`` and ``target`` of a preprocessor, and as ``target`` and ``source`` of the
runner of its model.
"""

from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.tokens.encoded_fields import (
    DEFAULT_FIELD,
    TOKENIZER_OUTPUT,
    EncodedField,
    encoded_fields,
)
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.stage_graph.kind_edges import stage_name
from espnet3_compiler.stage_graph.stage_inputs import (
    certain_config,
    certain_configs,
    output_uses,
    outputs_read_by,
)
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import (
    first_per_location,
    is_inherited,
    is_written,
    written_entry,
)
from espnet3_compiler.syntax.tree import (
    Mapping,
    Node,
    Path,
    Plain,
    Scalar,
    is_null,
    node_at,
    to_python,
)

_SEVERAL = 2


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R434."""
    makers = [stage_name(one) for one in stages_of_kind("train_tokenizer", recipe)]
    if len(makers) < _SEVERAL or not recipe.complete:
        return
    wrong = list(_check_fields(recipe, resolved))
    yield from first_per_location(wrong or _check_runners(recipe, resolved))


class TokenizerTraining(Struct, frozen=True):
    """What a tokenizer is trained on: a field of some data, and where its config says which."""

    field: str
    data: Plain
    said: Span | None


def _check_fields(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Report tokenizers that are used for other fields only than they were trained on."""
    trained = trained_fields(recipe, resolved)
    every: list[tuple[EncodedField, Plain]] = []
    for kind, role in (("train", "training"), ("infer", "inference")):
        for config in certain_configs(kind, role, recipe, resolved):
            encoded = list(_encoded_in(config, recipe))
            every += ((one, _data_of(config)) for one in encoded)
            for unknown in _other_users(recipe.scalars_of(config), encoded):
                trained.pop(unknown, None)
    for one, data in every:
        fields = {other.field for other, _ in every if other.maker == one.maker}
        own = trained.get(one.maker)
        if own is not None and own.field not in fields and own.data == data:
            yield _other_field(one, own, trained, [other for other, _ in every])
            return  # another one is likely exchanged with it


def _data_of(config: Mapping) -> Plain:
    node = node_at(config, ("dataset", "train"))
    return None if node is None else to_python(node)


def trained_fields(recipe: Recipe, resolved: Resolved) -> dict[str, TokenizerTraining]:
    """Return what each tokenizer is trained on, where that is known."""
    found = {}
    for stage in stages_of_kind("train_tokenizer", recipe):
        config = certain_config(stage, "training", resolved)
        block = config.get("tokenizer") if config else None
        if config and isinstance(block, Mapping) and has_certain_keys(block):
            own = [block.get(name) for name in ("text_builder", "train_file")]
            field = text_of(block.get("field")) or DEFAULT_FIELD
            if all(map(is_null, own)) and "${" not in field:
                said = _own_place(stage, block, recipe)
                found[stage_name(stage)] = TokenizerTraining(field, _data_of(config), said)
    return found


def _own_place(stage: StageDecl, block: Mapping, recipe: Recipe) -> Span | None:
    """Return the field of a tokenizer, or where it could be named; None in a block of a base.

    Args:
        stage: The stage that trains the tokenizer.
        block: ``tokenizer`` of its config.
        recipe: The recipe.
    """
    if (given := written_entry(block, "field")) and not is_inherited(given.value):
        return use_location(given.value)
    names = [one.config for one in stage.configs if one.role == "training"]
    inline = [one.inline for one in recipe.configs if one.name.value in names and one.inline]
    for entry in filter(None, (one.entry("tokenizer") for one in inline)):
        return entry.key.span
    own = [one for one in block if is_written(one.value) and not is_inherited(one.value)]
    spans = [one.key.span for one in own if one.key.span.source is one.value.span.source]
    return None if given else min(spans, key=lambda one: one.start, default=None)


def _encoded_in(config: Mapping, recipe: Recipe) -> Iterator[EncodedField]:
    """Yield what the preprocessor of a config encodes."""
    node = node_at(config, ("dataset", "preprocessor"))
    if isinstance(node, Mapping) and has_certain_keys(node):
        yield from encoded_fields(node, recipe.library)


def _other_users(scalars: list[tuple[Path, Scalar]], encoded: list[EncodedField]) -> Iterator[str]:
    """Yield the stages whose tokenizers data of a config use otherwise, for fields not known.

    Args:
        scalars: The scalars of the config.
        encoded: What its preprocessor is known to encode.
    """
    known = {id(one.node) for one in encoded}
    for path, leaf in scalars:
        if path[0] == "dataset" and id(leaf) not in known:
            yield from (maker for maker, _, _ in output_uses(leaf))


def _other_field(
    one: EncodedField,
    own: TokenizerTraining,
    trained: dict[str, TokenizerTraining],
    every: list[EncodedField],
) -> Diagnostic:
    """Return R434 for a tokenizer of another field, at what is most likely wrong.

    Args:
        one: The field that it encodes.
        own: The field that it is trained on.
        trained: What all tokenizers are trained on.
        every: All that is encoded.
    """
    others = [name for name, other in trained.items() if other.field == one.field]
    twice = any(other.field == one.field and other.maker != one.maker for other in every)
    left = all(other.field != own.field for other in every)
    message = (
        f'stage "{one.maker}" trains its tokenizer on "{own.field}", and it encodes only '
        f'"{one.field}"'
    )
    if twice and left and one.said:  # nothing encodes what it was trained on
        used = Label(use_location(one.node), "its tokenizer")
        label = Label(one.said, f'encodes "{one.field}"')
        return Diagnostic("R434", message, label, (used,), (f'write field="{own.field}"',))
    if not others and own.said:
        used = Label(use_location(one.node), f'encodes "{one.field}"')
        label = Label(own.said, f'trained on "{own.field}"')
        return Diagnostic("R434", message, label, (used,), (f"write field: {one.field}",))
    meant = f"did you mean ${{stages.{others[0]}.{TOKENIZER_OUTPUT}}}?" if others else ""
    return value_finding(
        "R434",
        message,
        one.node,
        f'encodes "{one.field}"',
        advice=(meant or f"give {one.maker} a config with tokenizer: {{field: {one.field}}}",),
    )


def _check_runners(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Report two tokenizers that a runner has the other way round than the training."""
    trainings = {stage_name(one): one for one in stages_of_kind("train", recipe)}
    for stage in stages_of_kind("infer", recipe):
        config = certain_config(stage, "inference", resolved)
        given = tokenizers_of(config.get("runner")) if config else {}
        uses = outputs_read_by(stage, recipe, resolved) if len(given) >= _SEVERAL else ()
        for use in uses:
            start = trainings.get(use.stage)
            trained = certain_config(start, "training", resolved) if start else None
            node = node_at(trained, ("dataset", "preprocessor")) if trained else None
            yield from _exchanged(given, tokenizers_of(node))


def tokenizers_of(node: Node | None) -> dict[str, tuple[str, Scalar]]:
    """Return the tokenizers that a target is given, by its arguments: the stage and the place."""
    found = {}
    for entry in node if isinstance(node, Mapping) else ():
        uses = list(output_uses(entry.value)) if isinstance(entry.value, Scalar) else []
        if len(uses) == 1 and uses[0][1] == TOKENIZER_OUTPUT and isinstance(entry.value, Scalar):
            found[entry.name] = (uses[0][0], entry.value)
    return found


def _exchanged(
    given: dict[str, tuple[str, Scalar]], trained: dict[str, tuple[str, Scalar]]
) -> Iterator[Diagnostic]:
    """Yield R434 for the first of two arguments that are exchanged.

    Args:
        given: The tokenizers of a runner.
        trained: Those of the preprocessor of the training of its model.
    """
    both = [name for name in given if name in trained]
    for name in both:
        (mine, node), (theirs, place) = given[name], trained[name]
        for other in both:
            crossed = (trained[other][0], given[other][0]) == (mine, theirs)
            if mine != theirs and crossed:
                yield value_finding(
                    "R434",
                    f'"{name}" and "{other}" of the runner are the tokenizers of "{other}" and '
                    f'"{name}" in the training',
                    node,
                    "exchanged",
                    related=(Label(use_location(place), "trained with this"),),
                    advice=(
                        f"write {name}: ${{stages.{theirs}.{TOKENIZER_OUTPUT}}}, and the other too",
                    ),
                )
                return
