"""Sizes of a model for the tokens of several tokenizers, each beside the tokenizer of its name.

Passes: ``source_size`` and ``target_size`` of a model by the sizes of the tokenizers that the
preprocessor of its training is given as ``source`` and ``target``; a larger size, of both.
Fails: the two exchanged; the size of the first tokenizer for both.

The same for ``num_source`` or ``tgt_vocab_size``, and for a ``token_list`` of the other tokenizer.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.tokens import tokenized_fields
from espnet3_compiler.checks.tokens.tokenized_fields import tokenizers_of
from espnet3_compiler.checks.training.no_effect import whole_number
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.kind_edges import stage_name
from espnet3_compiler.stage_graph.stage_inputs import (
    certain_config,
    model_of,
    output_uses,
    walk_leaves,
)
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Scalar, node_at

_SEVERAL = 2
_SIZE = r"(?:num_|n_)?{}_?(?:vocab_size|vocab|size|tokens|num_tokens|n_tokens)|(?:num|n)_{}"
_LIST = r"{}_?(?:token_list|tokens|vocab)"


class _Tokenizer(Struct, frozen=True):
    """A tokenizer that a training is given.

    Attributes:
        maker: The stage that trains it.
        config: The config of that.
        node: Where the training is given it.
        size: Its tokens.
    """

    maker: str
    config: str
    node: Scalar
    size: Scalar


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R434."""
    makers = list(stages_of_kind("train_tokenizer", recipe))
    if len(makers) < _SEVERAL or not recipe.complete:
        return
    if any(True for _ in tokenized_fields.check(recipe, resolved)):
        return  # the tokenizers are what is exchanged
    found: list[Diagnostic] = []
    for stage in stages_of_kind("train", recipe):
        config, model = certain_config(stage, "training", resolved), model_of(stage, resolved)
        if config and model:
            tokenizers = _tokenizers(config, recipe, resolved)
            found += _check_model(model, tokenizers) if len(tokenizers) >= _SEVERAL else ()
    yield from first_per_location(found)


def _tokenizers(config: Mapping, recipe: Recipe, resolved: Resolved) -> dict[str, _Tokenizer]:
    """Return the tokenizers of a training's preprocessor by the names of its arguments."""
    given = tokenizers_of(node_at(config, ("dataset", "preprocessor")))
    named = {
        stage_name(stage): one.config
        for stage in stages_of_kind("train_tokenizer", recipe)
        for one in stage.configs
        if one.role == "training" and resolved.is_certain(one.config)
    }
    found = {}
    for name, (maker, node) in given.items():
        own = named.get(maker, "")
        size = node_at(resolved.configs[own], ("tokenizer", "vocab_size")) if own else None
        if isinstance(size, Scalar) and whole_number(size) is not None:
            found[name] = _Tokenizer(maker, own, node, size)
    return found


def _check_model(model: Mapping, tokenizers: dict[str, _Tokenizer]) -> Iterator[Diagnostic]:
    """Report the first argument of a model that is that of another tokenizer."""
    for leaf in walk_leaves(model):
        key = str(leaf.path[-1])
        for name, own in tokenizers.items():
            others = [one for one in tokenizers.values() if one.maker != own.maker]
            word = re.escape(name)
            sized = re.fullmatch(_SIZE.format(word, word), key)
            if sized and (other := _wrong_size(leaf.node, own, others)):
                yield _size_finding(key, leaf.node, own, other)
                return
            makers = {one.maker for one in others}
            uses = output_uses(leaf.node) if re.fullmatch(_LIST.format(word), key) else ()
            for output in (output for maker, output, _ in uses if maker in makers):
                yield _list_finding(key, leaf.node, own, output)
                return


def _wrong_size(given: Scalar, own: _Tokenizer, others: list[_Tokenizer]) -> _Tokenizer | None:
    """Return the other tokenizer that a size is of, where it is too small for its own.

    Where two are exchanged, one is; a larger one may be of layers that both share.

    Args:
        given: The size.
        own: The tokenizer of its name.
        others: The other tokenizers of the training.
    """
    mine, tokens = whole_number(given), whole_number(own.size)
    if mine is None or tokens is None or mine >= tokens:
        return None
    return next((one for one in others if whole_number(one.size) == mine), None)


def _size_finding(key: str, given: Scalar, own: _Tokenizer, other: _Tokenizer) -> Diagnostic:
    return value_finding(
        "R434",
        f"{key} is {given.value}, the tokens of {other.maker}, and the training is given "
        f"{own.maker} under that name, with {own.size.value}",
        given,
        f"{given.value} tokens, not {own.size.value}",
        related=(Label(use_location(own.node), "trained with this"),),
        advice=(f"write {key}: ${{configs.{own.config}.tokenizer.vocab_size}}",),
    )


def _list_finding(key: str, given: Scalar, own: _Tokenizer, output: str) -> Diagnostic:
    return value_finding(
        "R434",
        f"{key} is of another tokenizer than {own.maker}, which the training is given under that "
        "name",
        given,
        "tokens of another tokenizer",
        related=(Label(use_location(own.node), "trained with this"),),
        advice=(f"write {key}: ${{stages.{own.maker}.{output}}}",),
    )
