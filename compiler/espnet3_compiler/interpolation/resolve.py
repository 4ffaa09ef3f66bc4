"""Replace every ``${…}`` by its value; only runtime references remain, as text."""

import os
from collections.abc import Mapping as MappingABC

from msgspec.structs import replace

from espnet3_compiler.compose.compose import bases_only
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions import messages as findings
from espnet3_compiler.expressions.nodes import Call, Lookup
from espnet3_compiler.expressions.template import RuntimeReference, has_reference, parse_resolved
from espnet3_compiler.interpolation.evaluate import resolve_node
from espnet3_compiler.interpolation.roots import DATA_DIR, GLOBALS, collect_roots
from espnet3_compiler.interpolation.state import ResolutionState, split_runtime_text
from espnet3_compiler.manifest.recipe import Composed, Recipe, Reference, Resolved
from espnet3_compiler.manifest.values import without_keys
from espnet3_compiler.syntax.placeholder import is_placeholder
from espnet3_compiler.syntax.tree import Mapping, Node, Path, Scalar, to_python

_SETTING_HINTS = {
    name: f'give it when compiling: --set "recipe.{name}={value}"'
    for name, value in (("exp_tag", "$VAR"), ("exp_dir", "$VAR/exp"), ("data_dir", "$VAR/data"))
}
"""Advice for settings that a manifest may take from the environment."""


def resolve(
    recipe: Recipe,
    configs: MappingABC[str, Composed],
    environment: MappingABC[str, str | None] | None = None,
) -> tuple[Resolved, tuple[Diagnostic, ...]]:
    """Resolve the references of a recipe.

    A reference that is a whole value keeps the type of what it names and may fetch a mapping or a
    list.  A reference that cannot be resolved is reported once, at its cause, and becomes a
    placeholder, which later checks skip like a runtime reference.

    Args:
        recipe: The recipe with ``--set`` applied (``Composition.recipe``).
        configs: The composed configs.
        environment: Variables of the environment as they were at an earlier compile.
    """
    roots = collect_roots(recipe, configs)
    state = ResolutionState(
        recipe,
        roots,
        reported_elsewhere=frozenset(("configs", name) for name in bases_only(recipe, configs)),
        incomplete=frozenset(("configs", name) for name, c in configs.items() if not c.complete),
        environment={**os.environ, **(environment or {})},
    )
    trees: dict[Path, Mapping] = {}
    for owner, root in roots.items():
        tree = resolve_node(state, owner, (), root)
        trees[owner] = tree if isinstance(tree, Mapping) else root
    for owner, tree in trees.items():
        _report_runtime_values(state, owner, tree)
    stages = {str(owner[1]): tree for owner, tree in trees.items() if owner[0] == "stages"}
    resolved = Resolved(
        globals={entry.name: str(to_python(entry.value)) for entry in trees[GLOBALS]},
        configs=_namespace_trees(trees, "configs"),
        models=_namespace_trees(trees, "models"),
        calls={
            str(stage.name.value): without_keys(stages[str(stage.name.value)], "init_from")
            for stage in recipe.stages
            if stage.call
        },
        references=tuple(_collect_references(state, trees)),
        init_from={
            name: start
            for name, tree in stages.items()
            if isinstance(start := tree.get("init_from"), Scalar)
        },
        sources=tuple({source.name: source for source in state.sources}.values()),
        environment=state.variables,
        incomplete=frozenset(name for name, config in configs.items() if not config.complete),
    )
    return resolved, tuple(state.found)


def _namespace_trees(trees: MappingABC[Path, Mapping], namespace: str) -> dict[str, Mapping]:
    return {str(owner[1]): tree for owner, tree in trees.items() if owner[0] == namespace}


def _report_runtime_values(state: ResolutionState, owner: Path, tree: Mapping) -> None:
    """Report runtime references where the plan needs the value: globals and outputs of calls.

    Data may lie elsewhere on each machine, so ``data_dir`` and outputs may name its variables.
    """
    if owner == GLOBALS:
        why = "the paths of a recipe are needed now"
        for entry in tree:
            if (entry.name,) != DATA_DIR or _names_stages(entry.value):
                _report_if_runtime(state, owner, entry.value, why, _SETTING_HINTS.get(entry.name))
    elif owner[0] == "stages" and isinstance(outputs := tree.get("outputs"), Mapping):
        why, hint = "the outputs of a stage are needed now", "write a path below ${exp_dir}"
        for entry in outputs:
            if _names_stages(entry.value):
                _report_if_runtime(state, owner, entry.value, why, hint)


def _names_stages(node: Node) -> bool:
    text = node.value if isinstance(node, Scalar) and not is_placeholder(node) else None
    return has_reference(text) and any(path[0] == "stages" for path in _runtime_targets(str(text)))


def _report_if_runtime(
    state: ResolutionState, owner: Path, node: Node, why: str, hint: str | None
) -> None:
    if isinstance(node, Scalar) and has_reference(node.value) and not is_placeholder(node):
        late = next(p for p in split_runtime_text(state, node) if isinstance(p, RuntimeReference))
        labels = (label for one in state.found for label in (one.primary, *one.related))
        if all(label.span != late.span for label in labels):
            found = findings.known_at_runtime(late.span, why, hint)
            if not late.span.lies_in(node.span):  # it came through a name
                place = Label(node.span, "needed now")
                found = replace(found, primary=place, related=(found.primary,))
            state.report(owner, found)


def _collect_references(
    state: ResolutionState, trees: MappingABC[Path, Mapping]
) -> list[Reference]:
    """Return all references; an owner also has the runtime references that it fetched."""
    result = list(state.references)
    for owner, tree in trees.items():
        for path, leaf in state.recipe.scalars_of(tree):
            if "${" in str(leaf.value) and has_reference(leaf.value) and not is_placeholder(leaf):
                for piece in split_runtime_text(state, leaf):
                    if isinstance(piece, RuntimeReference):
                        result += [
                            Reference(owner, path, target, piece.span)
                            for target in _runtime_targets(piece.text)
                        ]
    return result


def _runtime_targets(text: str) -> list[Path]:
    targets: list[Path] = []
    for piece in parse_resolved(text):
        if isinstance(piece, Lookup):
            targets.append(tuple(str(key.name) for key in piece.keys))
        elif isinstance(piece, Call):
            targets.append((piece.name, *(str(part) for part in piece.arguments[0].parts)))
            for argument in piece.arguments[1:]:
                for part in argument.parts:
                    targets += [] if isinstance(part, str) else _runtime_targets(part.span.text)
    return targets
