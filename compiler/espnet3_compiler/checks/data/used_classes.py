"""Classes of the recipe that stages use: models, loaders, loggers, and what is called.

Passes: ``class Net(torch.nn.Module)``; a loader with ``__iter__``, own or inherited.
Fails: ``class Net`` with ``forward`` and without a base; a ``sampler`` without ``__len__``;
``torch.utils.tensorboard.SummaryWriter`` as a logger; a metric with ``update`` and ``compute``.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.data.classes import known_class, missing_methods
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.targets.nodes import TargetNode, find_targets, flag_value
from espnet3_compiler.checks.targets.recipe_classes import suited_modules
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import is_custom_kind, stages_of_kind
from espnet3_compiler.signature import definitions
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.stage_graph.stage_inputs import reads_model
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Path, Scalar
from espnet3_schemas import TARGET

_LOGGER = ("trainer", "logger")
_CALL = "__call__"
_METHODS = {
    ("dataloader", "train", "loader"): "__iter__",
    ("dataloader", "valid", "loader"): "__iter__",
    ("dataloader", "train", "sampler"): "__len__",
    ("dataloader", "valid", "sampler"): "__len__",
    _LOGGER: "log_metrics",
    ("metrics", "metric"): _CALL,
    ("dataset", "transform"): _CALL,
    ("dataset", "preprocessor"): _CALL,
    ("dataloader", "collate_fn"): _CALL,
}
"""By the key of an object in a config: a method that it must have."""

_LOGGERS = {
    "tensorboard": "lightning.pytorch.loggers.TensorBoardLogger",
    "wandb": "lightning.pytorch.loggers.WandbLogger",
    "mlflow": "lightning.pytorch.loggers.MLFlowLogger",
}
"""Lightning's loggers, by a word in the path of what people write to by hand."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R425 for classes that lack a method or a base by which stages use them."""
    read = {
        binding.config
        for stage in recipe.stages
        if not is_custom_kind(stage, recipe)
        for binding in stage.configs
    }
    stages = list(stages_of_kind("train", recipe))
    models = {str(one.model.value) for one in stages if one.model and reads_model(one, resolved)}
    configs = {binding.config for one in stages for binding in one.configs}
    found: list[Diagnostic] = []
    for target in find_targets(recipe, resolved):
        root, name, *keys = target.path
        path = target.node.get(TARGET)
        certain = target.judged and flag_value(target.node, "_partial_") is not True
        if not certain or not isinstance(path, Scalar) or not isinstance(path.value, str):
            continue
        if (root == "models" and name in models and not keys) or (
            root == "configs" and name in configs and keys == ["model"]
        ):
            found += _check_model(recipe.library, target, path)
        elif root == "configs" and name in read:
            found += _check_method(recipe.library, path, _method_at(tuple(keys)))
    yield from first_per_location(found)


def _method_at(keys: Path) -> str | None:
    return _METHODS.get(tuple(str(key) for key in keys if isinstance(key, str)))


def _check_method(library: Library, path: Scalar, method: str | None) -> Iterator[Diagnostic]:
    foreign = method == _METHODS[_LOGGER]
    found = known_class(library, str(path.value), foreign=foreign) if method else None
    if found is None or method is None or not missing_methods(library, found, (method,)):
        return
    message = f"{path.value} lacks {method}"
    if found.location.local:
        yield _incomplete(library, found, path, message, f"write def {method} in the class")
    else:
        names = [name for word, name in _LOGGERS.items() if word in str(path.value).lower()]
        advice = f"write {names[0]}" if names else "name a logger of lightning.pytorch.loggers"
        yield value_finding("R425", message, path, "no logger", advice=(advice,))


def _check_model(library: Library, target: TargetNode, path: Scalar) -> Iterator[Diagnostic]:
    found = known_class(library, str(path.value))
    if found is None:  # or one with __getattr__, as all modules of PyTorch have it
        return
    has_forward = definitions.own_member(found, "forward") is not None
    if not has_forward and not _uses_torch(library, found):
        return
    message = f"{path.value} is no torch.nn.Module, and a model is trained as one"
    if has_forward:
        advice = f"write class {found.name}(torch.nn.Module), and super().__init__() in __init__"
        yield _incomplete(library, found, path, message, advice)
        return
    others = suited_modules(library, found.name, target.node, str(path.value))[:2]
    hint = f"did you mean {' or '.join(others)}?" if others else "name the class of the model"
    yield value_finding("R425", message, path, "no module of PyTorch", advice=(hint,))


def _uses_torch(library: Library, found: ClassFound) -> bool:
    """Return whether the module of a class imports torch; elsewhere it may be a stand-in."""
    file = library.file(found.location)
    return file is not None and any(item.source.startswith("torch") for item in file.imports)


def _incomplete(
    library: Library, found: ClassFound, path: Scalar, message: str, advice: str
) -> Diagnostic:
    file = library.file(found.location)
    assert file is not None
    return Diagnostic(
        "R425",
        message,
        Label(file.span_of(found.summary.line, found.name), "used by the runtime"),
        related=(Label(use_location(path), "used here"),),
        help=(advice,),
    )
