"""Optimizers and schedulers: one, or several by name."""

from espnet3_compiler.convert.draft import Block, Draft
from espnet3_compiler.convert.notes import CHANGED
from espnet3_schemas import TARGET


def carry_optimizers(root: Block, draft: Draft) -> None:
    """Write the optimizers of a training config."""
    if root.has("optimizers"):
        _carry_named(root, draft)
        return
    for name in ("optimizer", "scheduler"):
        _tell_leak(root, name)
        root.move(draft, name, (name,), null=True)
    root.move(draft, "scheduler_interval", ("scheduler_interval",))
    root.move(draft, "scheduler_monitor", ("scheduler_monitor",))
    for name in ("optimizers", "schedulers"):
        root.entry(name)


def _tell_leak(root: Block, name: str) -> None:
    """Note arguments of ESPnet3's default target that stay below another target."""
    node = root.block(name)
    if not node.is_users(TARGET):
        return
    left = [e.name for e in node.node or () if not node.is_users(e.name)]
    if left:
        why = f"ESPnet3 passes it {', '.join(left)} of its own default besides; so do we"
        node.note(TARGET, CHANGED, why)


def _carry_named(root: Block, draft: Draft) -> None:
    root.move(draft, "optimizers", ("optimizers",))
    schedulers = root.value("schedulers")
    if isinstance(schedulers, dict):
        for value in schedulers.values():
            if isinstance(value, dict):
                value.setdefault("interval", "epoch")  # ESPnet3's default; ours is step
        draft.put(("schedulers",), schedulers, root.span("schedulers"))
    for name in ("optimizer", "scheduler"):
        draft.put((name,), None)  # a variant may lie over a config that has them
    for name in ("optimizer", "scheduler", "scheduler_interval", "scheduler_monitor"):
        root.entry(name)
