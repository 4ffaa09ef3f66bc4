"""The roles of configs, and the models of stages.

Passes: ``- {name: infer, config: inference}`` where only inference stages read ``inference``.
Fails: ``- {name: infer, config: training}`` where ``train`` reads ``training`` as well.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.stages.missing_artifacts import loads_weights
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.lower import config_roles
from espnet3_compiler.manifest.recipe import Recipe, Resolved, RoleBinding, StageDecl
from espnet3_compiler.manifest.stage_kinds import (
    is_custom_kind,
    is_known_kind,
    stage_kind,
)
from espnet3_compiler.manifest.values import mapping_entries
from espnet3_compiler.stage_graph.stage_inputs import (
    bound_config,
    may_have_model,
    output_uses,
    own_model,
)
from espnet3_compiler.syntax.tree import Mapping, Scalar, is_null
from espnet3_compiler.syntax.unknown_name import format_names, unknown_name

_HOLD_MODELS = ("training", "inference")
"""The roles of configs that may give pack_model its model."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R406 and R601 for wrong roles, R407 and R408 for models missing or given twice."""
    yield from _check_roles(recipe)
    for stage in recipe.stages:
        yield from _check_stage_roles(stage, recipe)
        if recipe.complete:
            yield from _check_model(stage, recipe, resolved)


def _check_roles(recipe: Recipe) -> Iterator[Diagnostic]:
    roles = config_roles(recipe)
    bound: dict[str, list[tuple[StageDecl, RoleBinding]]] = {name: [] for name in roles}
    for stage in recipe.stages:
        for binding in stage.configs:
            if recipe.system.has_role(binding.role) and binding.config in bound:
                bound[binding.config].append((stage, binding))
    for name, role in roles.items():
        wrong = [pair for pair in bound[name] if pair[1].role != role]
        right = [pair for pair in bound[name] if pair[1].role == role]
        if wrong:
            fitting = [other for other, its in roles.items() if its == wrong[0][1].role]
            yield _wrong_role(wrong, right[0], fitting)


def _wrong_role(
    wrong: list[tuple[StageDecl, RoleBinding]],
    right: tuple[StageDecl, RoleBinding],
    fitting: list[str],
) -> Diagnostic:
    stage, binding = wrong[0]
    other, first = right
    hint = f"declare another config for {binding.role}"
    if fitting:
        hint = f"choose a config in the role {binding.role}: {format_names(fitting)}"
    return Diagnostic(
        "R406",
        f'config "{binding.config}" is read as {first.role} and as {binding.role}',
        Label(binding.span, f'stage "{stage.name.value}" reads it as {binding.role}'),
        related=(
            Label(first.span, f'stage "{other.name.value}" reads it as {first.role}'),
            *(Label(more.span, f"read as {more.role} too") for _, more in wrong[1:]),
        ),
        help=(hint,),
    )


def _check_stage_roles(stage: StageDecl, recipe: Recipe) -> Iterator[Diagnostic]:
    """Report roles in ``config: {role: name}`` that the kind does not read."""
    kind = stage_kind(stage)
    if not is_known_kind(kind, recipe) or recipe.system.own or not isinstance(stage.node, Mapping):
        return
    roles = list(stage.spec["roles"])
    for entry in mapping_entries(stage.node.get("config")):
        if entry.name not in roles:
            message = f'{kind} reads no config in the role "{entry.name}"'
            yield unknown_name(
                "R601", message, entry.key, roles, f"its roles are {format_names(roles)}"
            )


def _check_model(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    own = own_model(stage, resolved)
    written = isinstance(stage.node, Mapping) and stage.node.get("model") is not None
    required = stage.spec["model"] == "required"
    if stage.model is None and not written and _lacks_model(stage, recipe, resolved):
        yield _no_model(stage, recipe, resolved)
    elif own and stage.model and (written or required):
        reason = "chosen here" if written else "the only one of the manifest"
        yield Diagnostic(
            code="R408",
            message=f'stage "{stage.name.value}" has two models',
            primary=Label(own.span, "the config has one"),
            related=(Label(stage.model.span, reason), Label(stage.name.span, "the stage")),
            help=("keep one of them",),
        )


def _lacks_model(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> bool:
    """Return whether a stage needs a model of the manifest, as its configs certainly have none."""
    if is_custom_kind(stage, recipe):
        return False
    if stage_kind(stage) == "pack_model":
        return all(
            _has_no_model(one, resolved) for one in stage.configs if one.role in _HOLD_MODELS
        )
    needed = stage.spec["model"] == "required" or loads_weights(stage, resolved)
    return needed and not may_have_model(stage, resolved)


def _has_no_model(binding: RoleBinding, resolved: Resolved) -> bool:
    config = resolved.configs.get(binding.config)
    return bool(config and resolved.is_certain(binding.config) and is_null(config.get("model")))


def _no_model(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> Diagnostic:
    names = [str(model.name.value) for model in recipe.models]
    hint = f"choose one with model: {format_names(names)}" if names else "declare one under models"
    if trained := _model_of_checkpoint(stage, recipe, resolved):
        hint = f"write model: {trained}, whose checkpoint its inference config names"
    message = f'stage "{stage.name.value}" needs a model and none is chosen'
    kind = stage_kind(stage)
    label = Label(
        stage.name.span, f"{kind} {'packs' if kind == 'pack_model' else 'builds'} a model"
    )
    return Diagnostic("R407", message, label, help=(hint,))


def _model_of_checkpoint(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> str | None:
    """Return the model of the training whose checkpoint a stage loads."""
    config = bound_config(stage, "inference", resolved)
    node = config.get("checkpoint") if config and loads_weights(stage, resolved) else None
    names = [name for name, _, _ in output_uses(node)] if isinstance(node, Scalar) else []
    training = recipe.stages_by_name.get(names[0]) if names else None
    return str(training.model.value) if training and training.model else None
