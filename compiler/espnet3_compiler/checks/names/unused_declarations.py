"""Configs and models that nothing uses.

Passes: a config that a stage reads, that another config extends, or that a ``${configs.…}`` names.
Fails: a config whose only stage was removed.
"""

from collections.abc import Iterator

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import as_text
from espnet3_compiler.syntax.read import read_file
from espnet3_compiler.syntax.tree import Scalar
from espnet3_compiler.syntax.unknown_name import format_names


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R207 for unused configs and R208 for unused models."""
    if not recipe.complete or resolved.incomplete:
        return
    bound = {binding.config for stage in recipe.stages for binding in stage.configs}
    used = bound | _referenced_names("configs", resolved)
    left = [config for config in recipe.configs if str(config.name.value) not in used]
    extended = {config.extends.value for config in recipe.configs if config.extends}
    left = [config for config in left if config.name.value not in extended]
    extended |= _extended_in_files(recipe) if left else set()
    for config in left:
        if config.name.value not in extended:
            yield _unused_name("R207", "config", config.name, "a stage that reads it, or remove it")
    models = {str(stage.model.value) for stage in recipe.stages if stage.model}
    models |= _referenced_names("models", resolved)
    for model in recipe.models:
        if str(model.name.value) not in models:
            others = format_names(sorted(models)) or "none"
            hint = f"a stage with model: {model.name.value}, or remove it (in use: {others})"
            yield _unused_name("R208", "model", model.name, hint)


def _referenced_names(namespace: str, resolved: Resolved) -> set[str]:
    """Return the configs or models that references name, except references to themselves."""
    return {
        str(reference.target[1])
        for reference in resolved.references
        if reference.target[:1] == (namespace,)
        and reference.target[:2] != reference.owner[:2]
        and reference.target[1:]
    }


def _unused_name(code: str, kind: str, name: Scalar, hint: str) -> Diagnostic:
    message = f'no stage and no reference uses {kind} "{name.value}"'
    return Diagnostic(code, message, Label(name.span, "declared here"), help=(f"add {hint}",))


def _extended_in_files(recipe: Recipe) -> set[str]:
    """Return the configs that others extend at the top of their files."""
    found: set[str] = set()
    for config in recipe.configs:
        if config.file:
            path = recipe.directory / str(config.file.value)
            root, _, _ = read_file(path, path.name, recipe.directory, recipe.library.buffers)
            base = as_text(root.get("extends")) if root else None
            mine, groups = str(config.name.value), recipe.group_names
            found |= {groups.base_name(mine, str(base.value))} if base else set()
    return found
