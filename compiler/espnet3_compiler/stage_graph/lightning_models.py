"""Models that are a ``LightningModule``, which makes its steps and optimizers itself."""

from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.signature.classes import LIGHTNING_PACKAGES, lightning_package
from espnet3_compiler.signature.definitions import ClassFound, base_names
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.resolve_name import find_definition, resolution_order
from espnet3_compiler.signature.result import NotAnalyzable
from espnet3_compiler.stage_graph.stage_inputs import own_model
from espnet3_compiler.syntax.tree import Scalar
from espnet3_schemas import TARGET


def lightning_model(
    stage: StageDecl, recipe: Recipe, resolved: Resolved
) -> tuple[Scalar | None, ClassFound | None]:
    """Return the path and class of a stage's model where it is a LightningModule.

    Args:
        stage: A stage that trains or infers.
        recipe: The recipe.
        resolved: The values of its configs.
    """
    path = _model_target(stage, resolved)
    found = _class_of(recipe.library, path) if path else None
    if found is None or not lightning_package(recipe.library, found):
        return None, None
    return path, found


def is_bare_model(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> bool:
    """Return whether a stage's model is certainly no LightningModule.

    A function may return one, and a class may get it from a base that cannot be read.

    Args:
        stage: A stage that trains or infers.
        recipe: The recipe.
        resolved: The values of its configs.
    """
    path, library = _model_target(stage, resolved), recipe.library
    if path is None:
        return True
    found = _class_of(library, path)
    if found is None or lightning_package(library, found):
        return False
    order = resolution_order(library, found)
    if not any(isinstance(item, NotAnalyzable) for item in order):
        return True
    bases = [
        base for item in order if isinstance(item, ClassFound) for base in base_names(library, item)
    ]
    return any(base.partition(".")[0] == "torch" for base in bases)


def _model_target(stage: StageDecl, resolved: Resolved) -> Scalar | None:
    """Return the path of the class or function that makes a stage's model; None without one."""
    named = str(stage.model.value) if stage.model else ""
    node = own_model(stage, resolved) or resolved.models.get(named)
    path = node.get(TARGET) if node else None
    return path if isinstance(path, Scalar) and isinstance(path.value, str) else None


def _class_of(library: Library, path: Scalar) -> ClassFound | None:
    found = find_definition(library, str(path.value))
    return found if isinstance(found, ClassFound) else None


def self_trained_configs(recipe: Recipe, resolved: Resolved) -> frozenset[str]:
    """Return the configs that train a LightningModule in any stage, or what may be one."""
    return frozenset(
        binding.config
        for stage in stages_of_kind("train", recipe)
        if not is_bare_model(stage, recipe, resolved)
        for binding in stage.configs
    )


def recipe_classes(library: Library, found: ClassFound) -> tuple[ClassFound, ...] | None:
    """Return the classes of the recipe that a LightningModule is made of.

    None where a class of others may add to them: all but Lightning's and those that it is made of.
    Where Lightning is absent, its class is the only one that cannot be read.

    Args:
        library: Reads modules.
        found: Its class.
    """
    order = resolution_order(library, found)
    seen = [item for item in order if isinstance(item, ClassFound)]
    heads = {item.location.name.partition(".")[0] for item in seen if not item.location.local}
    unread = len(order) - len(seen)
    if not heads <= {*LIGHTNING_PACKAGES, "torch"} or unread > heads.isdisjoint(LIGHTNING_PACKAGES):
        return None
    return tuple(item for item in seen if item.location.local)


def lacks_method(library: Library, found: ClassFound, name: str) -> bool:
    """Return whether a LightningModule certainly has no method of its own of a name.

    Args:
        library: Reads modules.
        found: Its class.
        name: The method.
    """
    for item in resolution_order(library, found):
        if not isinstance(item, ClassFound):
            return recipe_classes(library, found) is not None
        if item.location.name.partition(".")[0] in LIGHTNING_PACKAGES:
            return True
        if item.summary.open or "__getattr__" in item.summary.members:
            return False
        if name in item.summary.members or item.summary.decorators:
            return False
    return False
