"""Convert the model: a task of ESPnet2, or an ordinary module."""

from espnet3_compiler.convert.dataset import convert_preprocessor
from espnet3_compiler.convert.draft import Block, ConfigDraft
from espnet3_compiler.convert.notes import DEAD, MOVED


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
        block.add_note("vocab_size", DEAD, "the task counts the token list")
    for entry in block.node:
        if entry.name not in block.taken:
            # null switches these parts of a task off; elsewhere it says nothing
            is_part = entry.name in ("frontend", "specaug", "normalize")
            is_off = is_part and block.node.entry(f"{entry.name}_conf") is None
            block.move_key(draft, entry.name, (entry.name,), null=is_off)
    if "task" in draft.values:
        _convert_tokens(root, draft)
    root.add_note("model", MOVED, "is in the manifest, models")
    return draft


def _convert_tokens(root: Block, draft: ConfigDraft) -> None:
    """Write how tokens become text, which ESPnet3 reads from the preprocessor."""
    preprocessor = ConfigDraft()
    dataset = Block(root.take_block("dataset").node, ("dataset",), root.context)
    convert_preprocessor(dataset, preprocessor, ("train",))
    node = preprocessor.values.get("dataset")
    found = node["preprocessor"] if isinstance(node, dict) else {}
    found = found.get("train", found) if isinstance(found, dict) else {}
    for name in ("token_type", "bpemodel"):
        if isinstance(found, dict) and found.get(name) is not None and name not in draft.values:
            draft.set_value((name,), found[name], dataset.span("preprocessor"))
