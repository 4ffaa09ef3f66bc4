"""Objects that a Trainer is given of another kind than it takes.

Passes: ``logger: [{_target_: lightning.pytorch.loggers.CSVLogger, save_dir: exp}]``.
Fails: ``{_target_: torch.utils.tensorboard.SummaryWriter}`` as a logger; a plain class of the
recipe as a callback.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.signature.classes import lightning_package
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.resolve_name import find_definition, resolution_order
from espnet3_compiler.signature.result import NotAnalyzable
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence, node_at
from espnet3_schemas import TARGET

_BASES = {"callbacks": "Callback", "logger": "Logger", "profiler": "Profiler"}
"""Keys of the trainer, by the class of Lightning that their objects derive from."""

_LOGGERS = {
    "tensorboard": "lightning.pytorch.loggers.TensorBoardLogger",
    "wandb": "lightning.pytorch.loggers.WandbLogger",
    "mlflow": "lightning.pytorch.loggers.MLFlowLogger",
}
"""Lightning's loggers, by a word in the path of what people write to by hand."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R425."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("train", recipe):
        config = certain_config(stage, "training", resolved)
        for key, base in _BASES.items():
            found += [
                _finding(target, key, base)
                for target in targets_of(node_at(config, ("trainer", key)) if config else None)
                if _is_of_another_kind(recipe.library, str(target.value), base)
            ]
    yield from first_per_location(found)


def targets_of(node: Node | None) -> Iterator[Scalar]:
    """Yield the ``_target_`` of an object, or of each of a list.

    Args:
        node: The value of a key of the trainer.
    """
    for item in node.items if isinstance(node, Sequence) else (node,):
        target = item.get(TARGET) if isinstance(item, Mapping) else None
        if isinstance(target, Scalar) and isinstance(target.value, str):
            yield target


def _is_of_another_kind(library: Library, path: str, base: str) -> bool:
    """Return whether a path names a class all of whose bases are known, without one of a name."""
    found = find_definition(library, path) if all(path.split(".")) else None
    if (
        not isinstance(found, ClassFound)
        or found.summary.metaclass
        or lightning_package(library, found, base)
    ):
        return False
    return not any(isinstance(one, NotAnalyzable) for one in resolution_order(library, found))


def _finding(target: Scalar, key: str, base: str) -> Diagnostic:
    named = [path for word, path in _LOGGERS.items() if word in str(target.value).lower()]
    derive = f"derive it from lightning.pytorch.{key.rstrip('s')}s.{base}"
    advice = f"write {named[0]}" if named and key == "logger" else derive
    return value_finding(
        "R425",
        f"{target.value} is no {base} of Lightning, and {key} of the trainer takes these",
        target,
        "of another kind",
        advice=(advice,),
    )
