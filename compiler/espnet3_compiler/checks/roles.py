"""Configs in their roles, and where a stage gets its model from.

Passes: ``- {name: infer, config: inference}`` where only inference stages read ``inference``.
Fails: ``- {name: infer, config: training}`` where ``train`` reads ``training`` as well.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.producers import loads_weights
from espnet3_compiler.diagnostic import Diagnostic, Label
from espnet3_compiler.ir import Recipe, Resolved, RoleBinding, StageDecl
from espnet3_compiler.kinds import facts, is_known, kind_of
from espnet3_compiler.lower import roles_of
from espnet3_compiler.lower_report import listed, unknown
from espnet3_compiler.lower_values import entries
from espnet3_compiler.reading import may_have_model, own_model
from espnet3_compiler.tree import Mapping
from espnet3_schemas import ROLES


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R406 and R601 for wrong roles, R407 and R408 for models missing or given twice."""
    yield from _wrong_roles(recipe)
    for stage in recipe.stages:
        yield from _unknown_roles(stage, recipe)
        if recipe.whole:
            yield from _models(stage, recipe, resolved)


def _wrong_roles(recipe: Recipe) -> Iterator[Diagnostic]:
    roles = roles_of(recipe)
    for name, role in roles.items():
        bindings = [
            (stage, binding)
            for stage in recipe.stages
            for binding in stage.configs
            if binding.config == name and binding.role in ROLES
        ]
        wrong = [pair for pair in bindings if pair[1].role != role]
        right = [pair for pair in bindings if pair[1].role == role]
        if wrong:
            yield _wrong_role(wrong, right[0], recipe)


def _wrong_role(
    wrong: list[tuple[StageDecl, RoleBinding]],
    right: tuple[StageDecl, RoleBinding],
    recipe: Recipe,
) -> Diagnostic:
    stage, binding = wrong[0]
    other, role = right[0], right[1].role
    fitting = [name for name, its in roles_of(recipe).items() if its == binding.role]
    hint = f"choose a config in the role {binding.role}"
    return Diagnostic(
        code="R406",
        message=f'config "{binding.config}" is read as {role} and as {binding.role}',
        primary=Label(binding.place, f'stage "{stage.name.value}" reads it as {binding.role}'),
        related=(
            Label(right[1].place, f'stage "{other.name.value}" reads it as {role}'),
            *(Label(more.place, f"read as {more.role} too") for _, more in wrong[1:]),
        ),
        help=(
            f"{hint}: {listed(fitting)}"
            if fitting
            else f"declare another config for {binding.role}",
        ),
    )


def _unknown_roles(stage: StageDecl, recipe: Recipe) -> Iterator[Diagnostic]:
    """Report roles in ``config: {role: name}`` that the kind does not read."""
    kind = kind_of(stage)
    if not is_known(kind) or recipe.system.own or not isinstance(stage.node, Mapping):
        return
    roles = list(facts(stage)["roles"])
    for entry in entries(stage.node.get("config")):
        if entry.name not in roles:
            message = f'{kind} reads no config in the role "{entry.name}"'
            yield unknown("R601", message, entry.key, roles, f"its roles are {listed(roles)}")


def _models(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    own = own_model(stage, resolved)
    written = isinstance(stage.node, Mapping) and stage.node.get("model") is not None
    required = facts(stage)["model"] == "required"
    may = may_have_model(stage, resolved)
    needed = required or loads_weights(stage, resolved)
    if not may and needed and stage.model is None and not written:
        yield _no_model(stage, recipe)
    elif own and stage.model and (written or required):
        place = "chosen here" if written else "the only one of the manifest"
        yield Diagnostic(
            code="R408",
            message=f'stage "{stage.name.value}" has two models',
            primary=Label(own.span, "the config has one"),
            related=(Label(stage.model.span, place), Label(stage.name.span, "the stage")),
            help=("keep one of them",),
        )


def _no_model(stage: StageDecl, recipe: Recipe) -> Diagnostic:
    names = [str(model.name.value) for model in recipe.models]
    hint = f"choose one with model: {listed(names)}" if names else "declare one under models"
    return Diagnostic(
        code="R407",
        message=f'stage "{stage.name.value}" needs a model and none is chosen',
        primary=Label(stage.name.span, f"{kind_of(stage)} builds a model"),
        help=(hint,),
    )
