"""The tokens that a model is built for and decoded with, against those it is trained with.

Passes: ``vocab_size: ${configs.training.tokenizer.vocab_size}``; a larger number, as some
pad to a multiple of eight; a model whose training reads no tokenizer of the recipe.
Fails: ``vocab_size: 13`` beside ``tokenizer: {vocab_size: 30}``; the size of the tokenizer of
another training; ``infer`` with the tokens of one tokenizer, and the weights of a training that
reads another one only, or with its tokens and the ``tokenizer_model`` of another one.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.training.no_effect import whole_number
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.stage_inputs import OutputUse, may_have_model, outputs_read_by
from espnet3_compiler.syntax.provenance import is_fixable, use_location
from espnet3_compiler.syntax.span_key import SpanKey, first_per_location, span_key
from espnet3_compiler.syntax.tree import Mapping, Scalar, node_at, walk_scalars

_ARGUMENT = "vocab_size"
_PATH = ("tokenizer", _ARGUMENT)
_PAIR = ("token_list", "tokenizer_model")
"""Outputs of a tokenizer that say the same, and arguments that are called so."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R434."""
    sizes = _tokenizer_sizes(resolved)
    for model in recipe.models if recipe.complete else ():
        node = resolved.models.get(str(model.name.value))
        config = _tokenizer_config(str(model.name.value), recipe, resolved)
        size = node_at(resolved.configs[config], _PATH) if config else None
        if node is None or config is None or not isinstance(size, Scalar):
            continue
        for given in _given_sizes(node):
            if _is_another(given, size, sizes):
                yield _finding(str(model.name.value), given, config, size)
    yield from first_per_location(_check_decoding(recipe, resolved))


def _check_decoding(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Report tokens of a tokenizer that the weights of a stage were not trained with."""
    makers = {str(one.name.value) for one in stages_of_kind("train_tokenizer", recipe)}
    trainings = {str(one.name.value): one for one in stages_of_kind("train", recipe)}
    for stage in stages_of_kind("infer", recipe) if recipe.complete else ():
        uses = outputs_read_by(stage, recipe, resolved)
        starts = [trainings[use.stage] for use in uses if use.stage in trainings]
        trained = {
            use.stage
            for start in starts
            for use in outputs_read_by(start, recipe, resolved)
            if use.stage in makers
        }
        read = [use for use in uses if use.stage in makers]
        others = [use for use in read if use.stage not in trained]
        if len(others) < len(read):  # one of them may be of another model
            others = [use for use in others if _is_of_pair(use, read)]
        if trained and others:
            yield _other_tokens(others[0], starts[0], min(trained))


def _is_of_pair(use: OutputUse, read: list[OutputUse]) -> bool:
    """Return whether an object gets a tokenizer from one stage, and its tokens from another."""
    named = [one for one in read if one.leaf.path[-1] == one.output in _PAIR]
    beside = [one for one in named if one.leaf.path[:-1] == use.leaf.path[:-1]]
    return use in beside and len(beside) == len(_PAIR)


def _other_tokens(use: OutputUse, start: StageDecl, tokenizer: str) -> Diagnostic:
    """Return R434 for tokens that a model does not know.

    Args:
        use: Where they are read.
        start: The stage that trained the model.
        tokenizer: The stage that made its tokens.
    """
    return value_finding(
        "R434",
        f'the model of stage "{start.name.value}" is trained with the tokens of "{tokenizer}", and '
        f'decoded with those of "{use.stage}"',
        use.leaf.node,
        "tokens of another tokenizer",
        related=(Label(start.name.span, "trained here"),),
        advice=(f"write ${{stages.{tokenizer}.{use.output}}}",),
    )


def _tokenizer_sizes(resolved: Resolved) -> set[SpanKey]:
    """Return where the sizes of tokenizers are written."""
    found = [node_at(config, _PATH) for config in resolved.configs.values()]
    return {span_key(node.span) for node in found if node is not None}


def _tokenizer_config(model: str, recipe: Recipe, resolved: Resolved) -> str | None:
    """Return the config of the one tokenizer that all trainings of a model read."""
    makers = {str(one.name.value): one for one in stages_of_kind("train_tokenizer", recipe)}
    read: set[str | None] = set()
    for stage in stages_of_kind("train", recipe):
        if stage.model is None or stage.model.value != model or may_have_model(stage, resolved):
            continue
        names = {
            use.stage for use in outputs_read_by(stage, recipe, resolved) if use.stage in makers
        }
        read |= {_training_config(makers[name]) for name in names} or {None}
    config = read.pop() if len(read) == 1 else None
    return config if config and config in resolved.configs and resolved.is_certain(config) else None


def _training_config(stage: StageDecl) -> str | None:
    return next((one.config for one in stage.configs if one.role == "training"), None)


def _given_sizes(model: Mapping) -> list[Scalar]:
    """Return the sizes that a model is given, each once, where it is not fetched from the model."""
    first: dict[SpanKey, Scalar] = {}
    named = [leaf for path, leaf in walk_scalars(model) if path[-1:] == (_ARGUMENT,)]
    for leaf in sorted(named, key=lambda one: len(one.via)):
        first.setdefault(span_key(leaf.span), leaf)
    return list(first.values())


def _is_another(given: Scalar, size: Scalar, sizes: set[SpanKey]) -> bool:
    """Return whether a size is certainly not meant to be that of the tokenizer.

    Args:
        given: What the model is given.
        size: That of its tokenizer.
        sizes: Where the sizes of all tokenizers are written.
    """
    mine, tokens = whole_number(given), whole_number(size)
    if mine is None or tokens is None or mine == tokens:
        return False
    return mine < tokens or span_key(given.span) in sizes


def _finding(model: str, given: Scalar, config: str, size: Scalar) -> Diagnostic:
    meant = f"${{configs.{config}.{'.'.join(_PATH)}}}"
    fix = Fix(f"write {meant}", (Edit(given.span, f'"{meant}"'),)) if is_fixable(given) else None
    return value_finding(
        "R434",
        f'model "{model}" is built for {given.value} tokens, and its tokenizer has {size.value}',
        given,
        f"{given.value} tokens",
        related=(Label(use_location(size), f"{size.value} tokens"),),
        advice=(f"write {_ARGUMENT}: {meant}",),
        fix=fix,
    )
