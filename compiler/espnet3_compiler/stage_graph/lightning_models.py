"""Models that are a ``LightningModule``, which makes its steps and optimizers itself."""

from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.signature.classes import LIGHTNING_PACKAGES, lightning_package
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.resolve_name import find_definition, resolution_order
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
    named = str(stage.model.value) if stage.model else ""
    node = own_model(stage, resolved) or resolved.models.get(named)
    path = node.get(TARGET) if node else None
    if not isinstance(path, Scalar) or not isinstance(path.value, str) or "$" in path.value:
        return None, None
    found = find_definition(recipe.library, path.value)
    if not isinstance(found, ClassFound) or not lightning_package(recipe.library, found):
        return None, None
    return path, found


def trains_itself(name: str, recipe: Recipe, resolved: Resolved) -> bool:
    """Return whether a config trains a LightningModule in any stage.

    Args:
        name: The name of the config.
        recipe: The recipe.
        resolved: The values of its configs.
    """
    return any(
        lightning_model(stage, recipe, resolved)[1] is not None
        for stage in stages_of_kind("train", recipe)
        if any(binding.config == name for binding in stage.configs)
    )


def lacks_method(library: Library, found: ClassFound, name: str) -> bool:
    """Return whether a LightningModule certainly has no method of its own of a name.

    Args:
        library: Reads modules.
        found: Its class.
        name: The method.
    """
    for item in resolution_order(library, found):
        if not isinstance(item, ClassFound):
            return lightning_package(library, found) != "" and _is_known(library, found)
        if item.location.name.partition(".")[0] in LIGHTNING_PACKAGES:
            return True
        if item.summary.open or "__getattr__" in item.summary.members:
            return False
        if name in item.summary.members or item.summary.decorators:
            return False
    return False


def _is_known(library: Library, found: ClassFound) -> bool:
    """Return whether all bases but Lightning's are of the recipe, where Lightning is absent."""
    order = resolution_order(library, found)
    others = [item for item in order if not isinstance(item, ClassFound)]
    local = all(item.location.local for item in order if isinstance(item, ClassFound))
    return local and len(others) == 1
