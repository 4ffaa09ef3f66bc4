"""Classes of the recipe that stages use: models, loaders, parts of a training, what is called.

Passes: ``class Net(torch.nn.Module)``; a loader with ``__iter__``, own or inherited; a scheduler
with ``step`` and ``state_dict``, of whatever base.
Fails: ``class Net`` with ``forward`` and without a base; a ``sampler`` without ``__len__``;
``torch.utils.tensorboard.SummaryWriter`` as a logger; a metric with ``update`` and ``compute``; a
callback that has ``on_train_epoch_end`` alone: the Trainer calls the others, too.
"""

from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.data.classes import known_class, missing_methods
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.methods.attributes import is_set_elsewhere
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
_OF_NAMED = 3
"""So many keys lead to an optimizer that has a name: ``optimizers.NAME.optimizer``."""


class _ObjectUse(Struct, frozen=True):
    """How stages use an object.

    Attributes:
        methods: Those that it must have.
        noun: What it is.
        base: The class from which objects of that sort derive; empty where they need none.
        package: Where there are others of its sort.
    """

    methods: tuple[str, ...]
    noun: str = ""
    base: str = ""
    package: str = ""


_HOOKS = ("setup", "on_fit_start", "on_train_start", "on_train_end", "on_fit_end", "teardown")
"""Of the hooks that a Trainer calls of each callback in every training."""

_ITEMS, _LENGTH, _CALLED = _ObjectUse(("__iter__",)), _ObjectUse(("__len__",)), _ObjectUse((_CALL,))
_USES = {
    ("dataloader", "train", "loader"): _ITEMS,
    ("dataloader", "valid", "loader"): _ITEMS,
    ("dataloader", "train", "sampler"): _LENGTH,
    ("dataloader", "valid", "sampler"): _LENGTH,
    ("metrics", "metric"): _CALLED,
    ("dataset", "transform"): _CALLED,
    ("dataset", "preprocessor"): _CALLED,
    ("dataloader", "collate_fn"): _CALLED,
    _LOGGER: _ObjectUse(
        ("log_metrics", "log_hyperparams", "finalize"),
        *("a logger", "lightning.pytorch.loggers.Logger", "lightning.pytorch.loggers"),
    ),
    ("trainer", "callbacks"): _ObjectUse(
        _HOOKS, "a callback", "lightning.pytorch.Callback", "lightning.pytorch.callbacks"
    ),
    ("optimizer",): _ObjectUse(
        ("step", "zero_grad", "state_dict"),
        *("an optimizer", "torch.optim.Optimizer", "torch.optim"),
    ),
    ("scheduler",): _ObjectUse(
        ("step", "state_dict"),
        *("a scheduler", "torch.optim.lr_scheduler.LRScheduler", "torch.optim.lr_scheduler"),
    ),
}
"""By the key of an object in a config, without a name that the recipe chooses."""

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
            use = _use_at(tuple(keys))
            if use and (name in configs or not use.base):
                found += _check_use(recipe, resolved, path, use)
    yield from first_per_location(found)


def _use_at(keys: Path) -> _ObjectUse | None:
    names = tuple(key for key in keys if isinstance(key, str))
    if len(names) == _OF_NAMED and names[0] in ("optimizers", "schedulers"):
        names = names[-1:]
    return _USES.get(names)


def _check_use(
    recipe: Recipe, resolved: Resolved, path: Scalar, use: _ObjectUse
) -> Iterator[Diagnostic]:
    library = recipe.library
    found = known_class(library, str(path.value), foreign=bool(use.base))
    absent = missing_methods(library, found, use.methods) if found else []
    missing = [name for name in absent if not is_set_elsewhere(recipe, resolved, name)]
    if found is None or not missing:
        return
    lacks = f"lacks {missing[0]}"
    message = f"{path.value} {f'is no {use.base}, and ' if use.base else ''}{lacks}"
    if found.location.local:
        advice = f"write def {missing[0]} in the class"
        if use.base:
            advice = f"derive {found.name} from {use.base}"
        yield _incomplete(library, found, path, message, advice)
    else:
        names = [name for word, name in _LOGGERS.items() if word in str(path.value).lower()]
        advice = f"name {use.noun} of {use.package}"
        if names and use is _USES[_LOGGER]:
            advice = f"write {names[0]}"
        label = f"no {use.noun.partition(' ')[2]}"
        yield value_finding("R425", message, path, label, advice=(advice,))


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
