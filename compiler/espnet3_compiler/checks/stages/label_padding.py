"""The padding of ``labels`` where a CTC model of transformers is trained.

Passes: ``transformers.Wav2Vec2ForCTC`` beside ``collate_fn: {int_pad_value: -100}``; labels padded
with the blank; a collate function of the recipe.
Fails: the same model beside ``int_pad_value: -1``, which is the default.

Such a model leaves out labels of -100 and takes all others for symbols. ``torch``'s CTC loss does
not look whether there is such a symbol (pytorch/pytorch#193794): it reads and writes beyond its
memory, and the model learns nothing until the process is aborted.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.data.fields import COLLATE
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.methods.forward import trained_model
from espnet3_compiler.checks.training.no_effect import whole_number
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import is_fixable, use_location
from espnet3_compiler.syntax.span_key import first_per_location, is_written, written_entry
from espnet3_compiler.syntax.tree import Mapping, Scalar, Sequence, node_at
from espnet3_schemas import TARGET

_IGNORED = -100
_KEY = "int_pad_value"


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R415 for a padding that the model takes for a symbol."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("train", recipe):
        config, model = certain_config(stage, "training", resolved), trained_model(stage, resolved)
        if config and model and _is_ctc(str(model.value)):
            found += _check_padding(config, model)
    yield from first_per_location(found)


def _is_ctc(path: str) -> bool:
    return path.startswith("transformers.") and path.removesuffix(".from_pretrained").endswith(
        "ForCTC"
    )


def _check_padding(config: Mapping, model: Scalar) -> Iterator[Diagnostic]:
    block = node_at(config, ("dataloader", "collate_fn"))
    target = block.get(TARGET) if isinstance(block, Mapping) else None
    usual = isinstance(target, Scalar) and target.value == COLLATE
    if not isinstance(block, Mapping) or not usual or not has_certain_keys(block):
        return
    given = block.get(_KEY)
    padding = -1 if given is None else whole_number(given)
    if padding is None or padding >= 0 or padding == _IGNORED or not _pads(config, block):
        return
    written = isinstance(given, Scalar) and is_written(given)
    node = given if isinstance(given, Scalar) and written else model
    yield value_finding(
        "R415",
        f"labels are padded with {padding}, and {model.value} leaves out {_IGNORED} only: it takes "
        "the padding for a symbol",
        node,
        f"not {_IGNORED}" if written else f"int_pad_value is {padding}",
        related=(Label(use_location(model), "trained here"),) if written else (),
        advice=(f"write dataloader: {{collate_fn: {{{_KEY}: {_IGNORED}}}}}",),
        fix=_write_ignored(node) if written else None,
    )


def _write_ignored(node: Scalar) -> Fix | None:
    if not is_fixable(node):
        return None
    return Fix(f"write {_IGNORED}", (Edit(node.span, str(_IGNORED)),), certain=True)


def _pads(config: Mapping, block: Mapping) -> bool:
    """Return whether our batches hold several items, whose labels may be of several lengths."""
    single = node_at(block, ("not_sequence",))
    names = single.items if isinstance(single, Sequence) else ()
    loader = node_at(config, ("dataloader", "train"))
    own = isinstance(config.get("datamodule"), Mapping)
    own = own or (isinstance(loader, Mapping) and written_entry(loader, "loader") is not None)
    size = node_at(config, ("dataloader", "train", "batches", "batch_size"))
    stacked = any(isinstance(one, Scalar) and one.value == "labels" for one in names)
    return not own and not stacked and (size is None or whole_number(size) != 1)
