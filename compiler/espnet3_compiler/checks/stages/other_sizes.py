"""Weights that a training starts from and that do not fit: the models count other tokens.

Passes: ``init_from: ${stages.pack_digits.bundle}`` for a model with as many tokens; with more of
them where the config has ``reinit: [head]``.
Fails: the same without ``reinit``: every weight of the file must fit.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.training.no_effect import whole_number
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.stage_graph.stage_inputs import certain_config, model_of, output_uses
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.tree import Mapping, Scalar, Sequence
from espnet3_schemas import TARGET

_SIZE = "vocab_size"
_PACKED = ("pack_model", "train")


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R417 for models that start from weights of fewer or more tokens."""
    makers = {
        str(stage.name.value): stage for kind in _PACKED for stage in stages_of_kind(kind, recipe)
    }
    for stage in stages_of_kind("train", recipe):
        start = resolved.init_from.get(str(stage.name.value))
        config = certain_config(stage, "training", resolved)
        kept = config.get("reinit") if config else None
        if start is None or config is None or (isinstance(kept, Sequence) and kept.items):
            continue
        if stage.init_parts:
            continue
        for name, _, span in output_uses(start):
            if name in makers:
                yield from _check_start(stage, makers[name], span, resolved)


def _check_start(
    stage: StageDecl, maker: StageDecl, span: Span, resolved: Resolved
) -> Iterator[Diagnostic]:
    mine, theirs = model_of(stage, resolved), model_of(maker, resolved)
    if mine is None or theirs is None or text_of(mine.get(TARGET)) != text_of(theirs.get(TARGET)):
        return
    sizes = _size_of(mine), _size_of(theirs)
    if sizes[0] is None or sizes[1] is None:
        return
    counts = whole_number(sizes[0]), whole_number(sizes[1])
    if None not in counts and counts[0] != counts[1]:
        yield Diagnostic(
            "R417",
            f'stage "{stage.name.value}" starts from weights for {counts[1]} tokens, '
            f"and its model has {counts[0]}",
            Label(span, f"{counts[1]} tokens"),
            (Label(use_location(sizes[0]), f"{counts[0]} tokens"),),
            ("name the parts that are new in its config, for example reinit: [head]",),
        )


def _size_of(model: Mapping) -> Scalar | None:
    found = model.get(_SIZE)
    return found if isinstance(found, Scalar) else None
