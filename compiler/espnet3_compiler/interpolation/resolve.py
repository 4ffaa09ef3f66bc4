"""Replace every ``${…}`` by what it names; only what a stage's run must bind remains as text."""

from collections.abc import Mapping as MappingABC

from espnet3_compiler.compose.compose import bases_only
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.expressions import messages as findings
from espnet3_compiler.expressions.nodes import Call, Lookup
from espnet3_compiler.expressions.template import RuntimeReference, has_reference, parse_resolved
from espnet3_compiler.interpolation.evaluate import resolve_node
from espnet3_compiler.interpolation.roots import GLOBALS, collect_roots
from espnet3_compiler.interpolation.state import ResolutionState, split_runtime_text
from espnet3_compiler.manifest.recipe import Composed, Recipe, Reference, Resolved
from espnet3_compiler.syntax.placeholder import is_placeholder
from espnet3_compiler.syntax.tree import Mapping, Node, Path, Scalar, walk_scalars

_SETTING_EXAMPLES = {"exp_tag": "$VAR", "exp_dir": "$VAR/exp", "data_dir": "$VAR/data"}
"""How the settings that a manifest may take from the environment can be given instead."""


def resolve(
    recipe: Recipe, configs: MappingABC[str, Composed]
) -> tuple[Resolved, tuple[Diagnostic, ...]]:
    """Resolve the references of a recipe.

    A reference that is a whole value keeps the type of what it names and may fetch a mapping or a
    list.  What cannot be resolved is reported once, at its cause, and stays as a stand-in (see
    ``read_steps.is_stand_in``), which later checks pass over like a late reference.

    Args:
        recipe: The recipe, with the settings of the command line (``Composition.recipe``).
        configs: The composed configs.
    """
    roots = collect_roots(recipe, configs)
    state = ResolutionState(
        recipe,
        roots,
        silent=frozenset(("configs", name) for name in bases_only(recipe, configs)),
        partial=frozenset(("configs", name) for name, c in configs.items() if not c.whole),
    )
    trees = {owner: _resolve_root(state, owner, root) for owner, root in roots.items()}
    for owner, tree in trees.items():
        _report_runtime_values(state, owner, tree)
    stages = {str(owner[1]): tree for owner, tree in trees.items() if owner[0] == "stages"}
    resolved = Resolved(
        globals={entry.name: _scalar_text(entry.value) for entry in trees[GLOBALS]},
        configs=_namespace_trees(trees, "configs"),
        models=_namespace_trees(trees, "models"),
        calls={
            str(stage.name.value): _without_entry(stages[str(stage.name.value)], "init_from")
            for stage in recipe.stages
            if stage.call
        },
        references=tuple(sorted(_collect_references(state, trees), key=_reference_order)),
        init_from={
            name: start for name, tree in stages.items() if (start := _init_from_scalar(tree))
        },
        sources=tuple({source.name: source for source in state.sources}.values()),
        partial=frozenset(name for name, config in configs.items() if not config.whole),
    )
    return resolved, tuple(state.found)


def _resolve_root(state: ResolutionState, owner: Path, root: Mapping) -> Mapping:
    tree = resolve_node(state, owner, (), root)
    return tree if isinstance(tree, Mapping) else root


def _namespace_trees(trees: MappingABC[Path, Mapping], namespace: str) -> dict[str, Mapping]:
    return {str(owner[1]): tree for owner, tree in trees.items() if owner[0] == namespace}


def _without_entry(tree: Mapping, name: str) -> Mapping:
    return Mapping(tuple(entry for entry in tree if entry.name != name), tree.span, tree.via)


def _init_from_scalar(tree: Mapping) -> Scalar | None:
    node = tree.get("init_from")
    return node if isinstance(node, Scalar) else None


def _scalar_text(node: Node) -> str:
    return str(node.value) if isinstance(node, Scalar) else ""


def _report_runtime_values(state: ResolutionState, owner: Path, tree: Mapping) -> None:
    """Report late references where the plan needs the value: globals and outputs of calls."""
    if owner == GLOBALS:
        for entry in tree:
            value = _SETTING_EXAMPLES.get(entry.name)
            hint = f'give it when compiling: --set "recipe.{entry.name}={value}"' if value else None
            _report_if_runtime(
                state, owner, entry.value, "the paths of a recipe are needed now", hint
            )
    elif owner[0] == "stages":
        outputs = tree.get("outputs")
        for entry in outputs if isinstance(outputs, Mapping) else ():
            hint = "write a path below ${exp_dir}"
            _report_if_runtime(
                state, owner, entry.value, "the outputs of a stage are needed now", hint
            )


def _report_if_runtime(
    state: ResolutionState, owner: Path, node: Node, why: str, hint: str | None
) -> None:
    if isinstance(node, Scalar) and has_reference(node.value) and not is_placeholder(node):
        late = next(p for p in split_runtime_text(state, node) if isinstance(p, RuntimeReference))
        if all(finding.primary.span != late.span for finding in state.found):
            state.report(owner, findings.known_at_runtime(late.span, why, hint))


def _collect_references(
    state: ResolutionState, trees: MappingABC[Path, Mapping]
) -> list[Reference]:
    """Return all references; every owner has the late ones that it fetched from elsewhere too."""
    result = list(state.references)
    for owner, tree in trees.items():
        for path, leaf in _reference_leaves(tree, ()):
            if not is_placeholder(leaf) and has_reference(leaf.value):
                for piece in split_runtime_text(state, leaf):
                    if isinstance(piece, RuntimeReference):
                        result += [
                            Reference(owner, path, target, piece.span, late=True)
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


def _reference_leaves(node: Node, path: Path) -> list[tuple[Path, Scalar]]:
    return [
        (below, scalar)
        for below, scalar in walk_scalars(node, path)
        if isinstance(scalar.value, str) and "${" in scalar.value
    ]


def _reference_order(reference: Reference) -> tuple[str, int, str]:
    return reference.span.source.name, reference.span.start, str(reference.owner)
