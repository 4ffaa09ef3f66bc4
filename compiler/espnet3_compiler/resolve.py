"""Replace every ``${…}`` by what it names; only what a stage's run must bind remains as text."""

from collections.abc import Mapping as MappingABC

from espnet3_compiler import resolve_findings as findings
from espnet3_compiler.compose import bases_only
from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.expression import Late, has_reference, parse_resolved
from espnet3_compiler.expression_parts import Call, Lookup
from espnet3_compiler.ir import Composed, Recipe, Reference, Resolved
from espnet3_compiler.read_steps import is_stand_in
from espnet3_compiler.resolve_pieces import resolve_node
from espnet3_compiler.resolve_roots import GLOBALS, roots_of
from espnet3_compiler.resolve_state import State, late_pieces
from espnet3_compiler.tree import Mapping, Node, Path, Scalar, Sequence

_FROM_OUTSIDE = {"exp_tag": "$VAR", "exp_dir": "$VAR/exp", "data_dir": "$VAR/data"}
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
    roots = roots_of(recipe, configs)
    state = State(
        recipe,
        roots,
        silent=frozenset(("configs", name) for name in bases_only(recipe, configs)),
        partial=frozenset(("configs", name) for name, c in configs.items() if not c.whole),
    )
    trees = {owner: _tree(state, owner, root) for owner, root in roots.items()}
    for owner, tree in trees.items():
        _need_now(state, owner, tree)
    stages = {str(owner[1]): tree for owner, tree in trees.items() if owner[0] == "stages"}
    resolved = Resolved(
        globals={entry.name: _text(entry.value) for entry in trees[GLOBALS]},
        configs=_of(trees, "configs"),
        models=_of(trees, "models"),
        calls={
            str(stage.name.value): _without(stages[str(stage.name.value)], "init_from")
            for stage in recipe.stages
            if stage.call
        },
        references=tuple(sorted(_references(state, trees), key=_order)),
        init_from={name: start for name, tree in stages.items() if (start := _start(tree))},
        sources=tuple({source.name: source for source in state.sources}.values()),
        partial=frozenset(name for name, config in configs.items() if not config.whole),
    )
    return resolved, tuple(state.found)


def _tree(state: State, owner: Path, root: Mapping) -> Mapping:
    tree = resolve_node(state, owner, (), root)
    return tree if isinstance(tree, Mapping) else root


def _of(trees: MappingABC[Path, Mapping], namespace: str) -> dict[str, Mapping]:
    return {str(owner[1]): tree for owner, tree in trees.items() if owner[0] == namespace}


def _without(tree: Mapping, name: str) -> Mapping:
    return Mapping(tuple(entry for entry in tree if entry.name != name), tree.span, tree.via)


def _start(tree: Mapping) -> Scalar | None:
    node = tree.get("init_from")
    return node if isinstance(node, Scalar) else None


def _text(node: Node) -> str:
    return str(node.value) if isinstance(node, Scalar) else ""


def _need_now(state: State, owner: Path, tree: Mapping) -> None:
    """Report late references where the plan needs the value: globals and outputs of calls."""
    if owner == GLOBALS:
        for entry in tree:
            value = _FROM_OUTSIDE.get(entry.name)
            hint = f'give it when compiling: --set "recipe.{entry.name}={value}"' if value else None
            _need_one(state, owner, entry.value, "the paths of a recipe are needed now", hint)
    elif owner[0] == "stages":
        outputs = tree.get("outputs")
        for entry in outputs if isinstance(outputs, Mapping) else ():
            hint = "write a path below ${exp_dir}"
            _need_one(state, owner, entry.value, "the outputs of a stage are needed now", hint)


def _need_one(state: State, owner: Path, node: Node, why: str, hint: str | None) -> None:
    if isinstance(node, Scalar) and has_reference(node.value) and not is_stand_in(node):
        late = next(p for p in late_pieces(state, node) if isinstance(p, Late))
        if all(finding.primary.span != late.span for finding in state.found):
            state.report(owner, findings.late(late.span, why, hint))


def _references(state: State, trees: MappingABC[Path, Mapping]) -> list[Reference]:
    """Return all references; every owner has the late ones that it fetched from elsewhere too."""
    result = list(state.references)
    for owner, tree in trees.items():
        for path, leaf in _leaves(tree, ()):
            if not is_stand_in(leaf) and has_reference(leaf.value):
                for piece in late_pieces(state, leaf):
                    if isinstance(piece, Late):
                        result += [
                            Reference(owner, path, target, piece.span, late=True)
                            for target in _late_targets(piece.text)
                        ]
    return result


def _late_targets(text: str) -> list[Path]:
    targets: list[Path] = []
    for piece in parse_resolved(text):
        if isinstance(piece, Lookup):
            targets.append(tuple(str(key.name) for key in piece.keys))
        elif isinstance(piece, Call):
            targets.append((piece.name, *(str(part) for part in piece.arguments[0].parts)))
            for argument in piece.arguments[1:]:
                for part in argument.parts:
                    targets += [] if isinstance(part, str) else _late_targets(part.span.text)
    return targets


def _leaves(node: Node, path: Path) -> list[tuple[Path, Scalar]]:
    if isinstance(node, Scalar):
        return [(path, node)] if isinstance(node.value, str) and "${" in node.value else []
    if isinstance(node, Mapping):
        return [leaf for entry in node for leaf in _leaves(entry.value, (*path, entry.name))]
    assert isinstance(node, Sequence)
    return [leaf for i, item in enumerate(node.items) for leaf in _leaves(item, (*path, i))]


def _order(reference: Reference) -> tuple[str, int, str]:
    return reference.span.source.name, reference.span.start, str(reference.owner)
