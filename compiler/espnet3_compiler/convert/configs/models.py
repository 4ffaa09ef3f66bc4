"""Convert the model: a task of ESPnet2, or an ordinary module."""

from msgspec.structs import replace

from espnet3_compiler.convert.configs.dataset import convert_preprocessor
from espnet3_compiler.convert.configs.draft import Block, ConfigDraft
from espnet3_compiler.convert.notes import Notes, became, left_out

PARTS = ("frontend", "specaug", "normalize", "preencoder", "postencoder", "preprocessor")
"""Parts of a task that null switches off."""


def convert_model(root: Block, training: ConfigDraft) -> ConfigDraft | None:
    """Return the model's entry in the manifest, or None where the config has no model.

    Args:
        root: The training config.
        training: Our training config, which gets ``freeze`` from the model's block.
    """
    block = root.take_block("model")
    if block.node is None:
        return None
    draft = ConfigDraft()
    if root.has_value("task"):
        task = root.context.target(str(root.value("task")))
        draft.set_value(("task",), task, root.span("task"))
    block.move_key(training, "freeze_param", ("freeze",))
    if root.has_value("task") and block.has_value("token_list"):
        block.add_note("vocab_size", left_out("the task counts the token list, there as here"))
    for entry in block.node:
        if entry.name not in block.taken:
            _convert_key(block, entry.name, draft, is_task=root.has_value("task"))
    if "task" in draft.values:
        _convert_tokens(root, draft)
    span = root.span("model")
    if span is not None:
        root.context.notes.add(span, became("models in the manifest", "stages share them"))
    return draft


def _convert_key(block: Block, name: str, draft: ConfigDraft, *, is_task: bool) -> None:
    """Write a key of a model; null where it switches a part of a task off, or is an argument."""
    assert block.node is not None
    is_part = name in PARTS and block.node.entry(f"{name}_conf") is None
    span, value = block.span(name), block.value(name)
    if value is not None or is_part or not is_task:
        draft.set_value((name,), value, span)
    elif span is not None:
        why = "null is what the task has for it without the key"
        block.context.notes.add(span, left_out(why))


def _convert_tokens(root: Block, draft: ConfigDraft) -> None:
    """Write how tokens become text, which ESPnet3 reads from the preprocessor."""
    preprocessor = ConfigDraft()
    dataset = replace(root.take_block("dataset"), context=replace(root.context, notes=Notes()))
    convert_preprocessor(dataset, preprocessor, ("train",))
    node = preprocessor.values.get("dataset")
    found = node["preprocessor"] if isinstance(node, dict) else {}
    found = found.get("train", found) if isinstance(found, dict) else {}
    for name in ("token_type", "bpemodel"):
        if isinstance(found, dict) and found.get(name) is not None and name not in draft.values:
            draft.set_value((name,), found[name], dataset.span("preprocessor"))
