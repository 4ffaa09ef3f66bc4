"""The model: a task of ESPnet2, or an ordinary module."""

from espnet3_compiler.convert.dataloader import convert_preprocessor
from espnet3_compiler.convert.draft import Block, ConfigDraft
from espnet3_compiler.convert.notes import DEAD, MOVED
from espnet3_compiler.syntax.tree import Mapping


def convert_model(root: Block, training: ConfigDraft) -> ConfigDraft | None:
    """Return the model's entry in the manifest, or None where the config has no model.

    Args:
        root: The training config.
        training: Ours, which gets what ESPnet3 writes into the model's block.
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
        block.add_note("vocab_size", DEAD, "the task counts the token list")
    for entry in block.node:
        if entry.name not in block.taken:
            block.move_key(
                draft, entry.name, (entry.name,), null=_is_choice(block.node, entry.name)
            )
    if "task" in draft.values:
        _convert_tokens(root, draft)
    root.add_note("model", MOVED, "stands in the manifest, models")
    return draft


def _is_choice(node: Mapping, name: str) -> bool:
    """Return whether a null switches a part of a task off instead of saying nothing."""
    return node.entry(f"{name}_conf") is None and name in ("frontend", "specaug", "normalize")


def _convert_tokens(root: Block, draft: ConfigDraft) -> None:
    """Tell the model how tokens become text: ESPnet3 reads it from the preprocessor."""
    preprocessor = ConfigDraft()
    dataset = Block(root.take_block("dataset").node, ("dataset",), root.context)
    convert_preprocessor(dataset, preprocessor, ("train",))
    node = preprocessor.values.get("dataset")
    found = node["preprocessor"] if isinstance(node, dict) else {}
    if isinstance(found, dict):
        found = found.get("train", found)
    for name in ("token_type", "bpemodel"):
        value = found.get(name) if isinstance(found, dict) else None
        if value is not None and name not in draft.values:
            draft.set_value((name,), value, dataset.span("preprocessor"))
