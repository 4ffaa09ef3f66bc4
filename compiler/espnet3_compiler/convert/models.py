"""The model: a task of ESPnet2, or an ordinary module."""

from espnet3_compiler.convert.dataset import carry_preprocessor
from espnet3_compiler.convert.draft import Block, Draft
from espnet3_compiler.convert.notes import DEAD, MOVED
from espnet3_compiler.tree import Mapping


def carry_model(root: Block, training: Draft) -> Draft | None:
    """Return the model's entry in the manifest, or None where the config has no model.

    Args:
        root: The training config.
        training: Ours, which gets what ESPnet3 writes into the model's block.
    """
    block = root.block("model")
    if block.node is None:
        return None
    draft = Draft()
    if root.has("task"):
        task = root.context.target(str(root.value("task")))
        draft.put(("task",), task, root.span("task"))
    block.move(training, "freeze_param", ("freeze",))
    if root.has("task") and block.has("token_list"):
        block.note("vocab_size", DEAD, "the task counts the token list")
    for entry in block.node:
        if entry.name not in block.taken:
            block.move(draft, entry.name, (entry.name,), null=_is_choice(block.node, entry.name))
    if "task" in draft.values:
        _carry_tokens(root, draft)
    root.note("model", MOVED, "stands in the manifest, models")
    return draft


def _is_choice(node: Mapping, name: str) -> bool:
    """Return whether a null switches a part of a task off instead of saying nothing."""
    return node.entry(f"{name}_conf") is None and name in ("frontend", "specaug", "normalize")


def _carry_tokens(root: Block, draft: Draft) -> None:
    """Tell the model how tokens become text: ESPnet3 reads it from the preprocessor."""
    preprocessor = Draft()
    dataset = Block(root.block("dataset").node, ("dataset",), root.context)
    carry_preprocessor(dataset, preprocessor, ("train",))
    node = preprocessor.values.get("dataset")
    found = node["preprocessor"] if isinstance(node, dict) else {}
    if isinstance(found, dict):
        found = found.get("train", found)
    for name in ("token_type", "bpemodel"):
        value = found.get(name) if isinstance(found, dict) else None
        if value is not None and name not in draft.values:
            draft.put((name,), value, dataset.span("preprocessor"))
