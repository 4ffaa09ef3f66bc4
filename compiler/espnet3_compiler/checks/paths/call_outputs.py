"""Outputs of ``call`` stages of which no argument says where they are to be written.

Passes: ``with: {report: "${exp_dir}/count.json"}`` beside ``outputs: {report:
"${exp_dir}/count.json"}``; a directory as the argument, and a file in it as the output.
Fails: the same with ``outputs: {report: "${exp_dir}/lines.json"}``: ``count.json`` is no output.

One output and one argument of the same type are compared, or of the same name: a function may make
up other names.
Where all arguments are what other stages made, the module of the function must know the output.
"""

import ast
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path, PurePosixPath

from msgspec import Struct

from espnet3_compiler.checks.data.bodies import FunctionBody, full_name_in, function_body
from espnet3_compiler.checks.paths.written_paths import written_paths
from espnet3_compiler.checks.targets.call_functions import is_nearly, not_given
from espnet3_compiler.checks.targets.call_stages import CONTEXT_PARAMETER
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.expressions.template import has_reference, is_unresolved
from espnet3_compiler.filesystem import real_path
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.signature.flow import all_nodes, dotted_name
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.read import read
from espnet3_compiler.signature.result import Signature
from espnet3_compiler.stage_graph.stage_inputs import call_outputs
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.tree import Mapping, Scalar, node_at, walk_scalars

_DEPTH = 3
_OUTPUT = "${stages."
"""How a text begins that is what an earlier stage made: no path to write."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R513 for an output beside an argument that is its path with another name."""
    calls = [stage for stage in recipe.stages if stage.call] if recipe.complete else []
    unsure = [stage for stage in calls if not _may_know_outputs(stage, recipe)]
    if not unsure:
        return
    declared = [one.path for one in written_paths(recipe, resolved)]
    roots = [resolved.globals.get(name, name[:-4]) for name in ("exp_dir", "data_dir")]
    inside = [real_path(recipe.directory / root) for root in roots]
    written = _WrittenPaths(
        inside, frozenset(declared), frozenset(above for path in declared for above in path.parents)
    )
    for stage in unsure:
        yield from _check_stage(stage, recipe, resolved, written)


class _WrittenPaths(Struct, frozen=True):
    """What the stages write.

    Attributes:
        roots: The directories of the experiment and of the data.
        paths: The paths that stages declare.
        above: The directories that these lie in, near and far.
    """

    roots: list[Path]
    paths: AbstractSet[Path]
    above: AbstractSet[Path]

    def leave(self, path: Path) -> bool:
        """Return whether a path is in a root, and no stage declares it, and it is not there."""
        if not any(path.is_relative_to(root) and path != root for root in self.roots):
            return False
        is_declared = path in self.above or not self.paths.isdisjoint((path, *path.parents))
        return not (is_declared or path.exists())


def _may_know_outputs(stage: StageDecl, recipe: Recipe) -> bool:
    """Return whether a function may take the paths of its outputs from the context."""
    path = str(stage.call.value) if stage.call else ""
    signature = read(recipe.library, path)
    if not isinstance(signature, Signature) or not signature.find(CONTEXT_PARAMETER):
        return not isinstance(signature, Signature)
    body = function_body(recipe.library, path)
    return body is None or _may_read(body, CONTEXT_PARAMETER, recipe.library)


def _may_read(body: FunctionBody, name: str, library: Library, depth: int = 0) -> bool:
    """Return whether a function may read the outputs of a context that it is given.

    Args:
        body: The function.
        name: Its argument that is the context.
        library: Reads modules.
        depth: Through how many functions the context came.
    """
    every = all_nodes(body.node)
    read = [
        item.attr for item in every if isinstance(item, ast.Attribute) and _is(item.value, name)
    ]
    calls = [one for one in every if isinstance(one, ast.Call)] if depth < _DEPTH else []
    handed = [one for call in calls for one in _handed_on(call, body, name, library)]
    unread = sum(_is(one, name) for one in every) - len(read) - len(handed)
    others = (_may_read(other, taken, library, depth + 1) for other, taken in handed)
    return "outputs" in read or unread > 0 or any(others)


def _handed_on(
    call: ast.Call, body: FunctionBody, name: str, library: Library
) -> Iterator[tuple[FunctionBody, str]]:
    """Yield the function of the recipe that a call hands a variable to, and its argument.

    Args:
        call: The call.
        body: The function in which it stands.
        name: The variable.
        library: Reads modules.
    """
    full = full_name_in(library, body, dotted_name(call.func) or "")
    plain = full and not any(isinstance(one, ast.Starred) for one in call.args)
    called = function_body(library, full) if plain else None
    args = called.node.args if called else None
    names = [one.arg for one in (*args.posonlyargs, *args.args)] if args else []
    pairs = [*zip(names, call.args, strict=False), *((one.arg, one.value) for one in call.keywords)]
    for taken, value in pairs:
        if called and taken and _is(value, name):
            yield called, taken


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _check_stage(
    stage: StageDecl, recipe: Recipe, resolved: Resolved, written: "_WrittenPaths"
) -> Iterator[Diagnostic]:
    block = resolved.calls.get(str(stage.name.value))
    given = node_at(block, ("with",)) if block else None
    if not isinstance(given, Mapping) or not has_certain_keys(given):
        return
    texts = [leaf for _, leaf in walk_scalars(given) if isinstance(leaf.value, str) and leaf.value]
    if any(_is_unknown(leaf) for leaf in texts):
        return
    named = {leaf: real_path(recipe.directory / str(leaf.value)) for leaf in texts}
    outputs = call_outputs(stage, resolved)
    lost = [(name, node) for name, node in outputs if not _is_led_to(node, recipe, named)]
    free = [leaf for leaf in texts if written.leave(named[leaf])]
    pairs = list(_exchanged(lost, free, given))
    if pairs:
        for name, node, leaf in pairs:
            if not is_nearly(PurePosixPath(str(leaf.value)), PurePosixPath(str(node.value))):
                yield not_given(name, node, str(leaf.value))
    elif texts and all(str(leaf.value).startswith(_OUTPUT) for leaf in texts):
        for name, node in lost:
            if not is_unresolved(node) and _is_unknown_to(stage, recipe, name, node):
                yield not_given(name, node)


def _exchanged(
    lost: list[tuple[str, Scalar]], free: list[Scalar], given: Mapping
) -> Iterator[tuple[str, Scalar, Scalar]]:
    """Yield the outputs that no argument leads to, each with the argument that stands for it.

    Args:
        lost: The outputs, each with its path.
        free: The arguments that are paths to write, and of no output.
        given: The ``with`` block.
    """
    for name, node in lost:
        suffix = _suffix(node)
        same = [leaf for leaf in free if _suffix(leaf) == suffix]
        named = [leaf for leaf in same if leaf is given.get(name)]
        alone = [one for _, one in lost if _suffix(one) == suffix] == [node]
        chosen = named or (same if alone else [])
        if len(chosen) == 1 and not is_unresolved(node):
            yield name, node, chosen[0]


def _suffix(node: Scalar) -> str:
    return PurePosixPath(str(node.value)).suffix


def _is_unknown_to(stage: StageDecl, recipe: Recipe, name: str, node: Scalar) -> bool:
    """Return whether the module of a function has neither an output as a text nor its path."""
    body = function_body(recipe.library, str(stage.call.value)) if stage.call else None
    if body is None or not any(isinstance(item, ast.Call) for item in ast.walk(body.node)):
        return False  # a sketch writes nothing
    words = (f'"{name}"', f"'{name}'", PurePosixPath(str(node.value)).name)
    return not any(word in body.file.text.text for word in words)


def _is_unknown(leaf: Scalar) -> bool:
    """Return whether a text is known only at run time; an output of a stage is no path to write."""
    return has_reference(leaf.value) and not str(leaf.value).startswith(_OUTPUT)


def _is_led_to(node: Scalar, recipe: Recipe, named: dict[Scalar, Path]) -> bool:
    """Return whether an argument is the path of an output, begins it, or lies in it."""
    text, path = str(node.value), real_path(recipe.directory / str(node.value))
    return any(
        path.is_relative_to(other) or other.is_relative_to(path) or text.startswith(str(leaf.value))
        for leaf, other in named.items()
    )
