"""Find the layers of a recipe's models that get tensors of another size than they take."""

import ast
import re
from collections.abc import Iterable, Sequence

from espnet3_compiler.checks.code.modules import RecipeModule, any_mentions
from espnet3_compiler.checks.shapes.calls import call_method, construct
from espnet3_compiler.checks.shapes.classes import GROWING, model_class
from espnet3_compiler.checks.shapes.frames import CallArguments, Run
from espnet3_compiler.checks.shapes.interpreter import start_run
from espnet3_compiler.checks.shapes.torch_layers import SIZES, Mismatch, read_layer
from espnet3_compiler.checks.shapes.values import CallArgument, Constant, Part, Place, Value
from espnet3_compiler.checks.targets.nodes import (
    TargetNode,
    flag_value,
    keyword_arguments,
)
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.span_key import first_per_location, span_key
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, children, to_python
from espnet3_schemas import TARGET

_REPLACING = (
    *(b"setattr", b"register_forward", b"add_module", b"register_module", b"set_submodule"),
    *(b"_modules", b"__dict__", b"peft", b"LoraConfig"),
)
"""Words of code that puts other layers in the place of some, or changes what they give."""

_SETTING = re.compile(rb"([\w.\])]+)\.(\w+)\s*(?:=(?!=)|\.(?:%s)\()" % "|".join(GROWING).encode())
_OF_LAYERS = frozenset((b"weight", b"data", *(name.encode() for name in SIZES)))

_STEP = "training_step"
_LAYERS = "torch.nn."


def layer_findings(
    library: Library, targets: Iterable[TargetNode], modules: Sequence[RecipeModule]
) -> list[Diagnostic]:
    """Return R524, once for each layer.

    Args:
        library: Reads the code of the recipe.
        targets: What the recipe constructs.
        modules: The code of the recipe that is imported.
    """
    run = start_run(library)
    for target in targets:
        _follow_target(run, target)
    if not run.mismatches or any_mentions(modules, _REPLACING) or _sets_layers(run, modules):
        return []
    return first_per_location(_finding(one) for one in run.mismatches)


def _sets_layers(run: Run, modules: Iterable[RecipeModule]) -> bool:
    """Return whether code may put something in the place of a layer from outside."""
    parts = [one for one in run.memo.values() if isinstance(one, Part)]
    names = {name.encode() for part in parts for name in part.attributes} | _OF_LAYERS
    return any(
        owner != b"self" and name in names
        for module in modules
        for owner, name in _SETTING.findall(module.file.content)
    )


def _follow_target(run: Run, target: TargetNode) -> None:
    """Follow what is called of the object that a target makes."""
    path = _path(target.node)
    found = model_class(run.library, path) if path else None
    if found is None:
        return
    added = (*target.slot.supplied, *target.slot.offered)
    arguments = _arguments(run, target.node, added)
    part = construct(run, path, arguments, certain=True)
    for name in ("forward", *((_STEP,) if found.steps else ())):
        if part is not None and (part, name) not in run.entered:
            call_method(run, part, name, CallArguments(complete=False), certain=True)


def _path(node: Mapping) -> str:
    """Return the class that a target constructs; empty where that is not known."""
    path = node.get(TARGET)
    plain = isinstance(path, Scalar) and isinstance(path.value, str) and not is_unresolved(path)
    partial = flag_value(node, "_partial_") is True or node.entry("_args_") is not None
    return str(path.value) if plain and not partial and isinstance(path, Scalar) else ""


def _arguments(run: Run, node: Mapping, added: tuple[str, ...]) -> CallArguments:
    """Return the arguments of a target.

    Args:
        run: What is shared.
        node: The target.
        added: The arguments that somebody else may give.
    """
    given = {
        entry.name: CallArgument(
            _value(run, entry.value), Place(entry.value, None, span_key(node.span))
        )
        for entry in keyword_arguments(node)
    }
    return CallArguments(named=given | {name: CallArgument(None) for name in added})


def _value(run: Run, node: Node) -> Value:
    """Return what an argument of a target is."""
    if isinstance(node, Mapping) and node.entry(TARGET) is not None:
        path = _path(node)
        arguments = _arguments(run, node, ())
        if path.startswith(_LAYERS):
            return read_layer(path.removeprefix(_LAYERS), (), arguments.named)
        return construct(run, path, arguments, certain=True) if path else None
    return Constant(to_python(node)) if _is_plain(node) else None


def _is_plain(node: Node) -> bool:
    """Return whether a value reaches the constructor as it is written."""
    if isinstance(node, Scalar):
        return not is_unresolved(node)
    if isinstance(node, Mapping) and any(entry.name.startswith("_") for entry in node):
        return False
    return all(_is_plain(child) for _, child in children(node))


def _finding(found: Mismatch) -> Diagnostic:
    """Return the finding about a layer that gets another size than it takes."""
    wrong, got = found.argument, found.got
    place = _place_to_change(found)
    others = [*wrong.places, *(got.argument.places if got.argument else ())]
    spans = {span_key(one.span): one for one in reversed(others)}
    spans.pop(span_key(place.span), None)
    return Diagnostic(
        "R524",
        _message(found),
        Label(place.span, f"{wrong.number}, not {got.value}"),
        tuple(Label(one.span, _role(one, found)) for one in reversed(spans.values())),
        (_advice(found, place),),
    )


def _message(found: Mismatch) -> str:
    number, got = found.argument.number, found.got
    giver = f" from {got.layer.shown}" if got.layer else ""
    if found.added:
        return f"{found.layer.shown} gives a size of {number}, and is added to {got.value}{giver}"
    return f"{found.layer.shown} takes a size of {number}, and gets {got.value}{giver}"


def _role(place: Place, found: Mismatch) -> str:
    """Return what a place is for a mismatch."""
    own = any(one.key == place.key for one in found.argument.places)
    return f"the {found.argument.number if own else found.got.value} comes from here"


def _place_to_change(found: Mismatch) -> Place:
    """Return where the two sizes part: in what makes both layers, or in the recipe."""
    given = found.got.argument.places if found.got.argument else ()
    scopes = {one.scope for one in given}
    own = found.argument.places
    common = next((one for one in own if one.scope in scopes), None)
    return common or (own[-1] if given and own[-1].body is None else own[0])


def _advice(found: Mismatch, place: Place) -> str:
    """Return what to write at a place: the other size, by its name where that is known there."""
    got = found.got
    given = got.argument.place if got.argument else None
    text = str(got.value)
    if given is not None and given.scope == place.scope and _is_steady(given):
        text = given.text if got.factor == 1 else f"{got.factor} * {_in_product(given)}"
    call, node = found.layer.call, place.node
    if call is None or node not in (*call.args, *(one.value for one in call.keywords)):
        return f"write {text} there"
    return f"write {_rewritten(call, node, text)}"


def _is_steady(place: Place) -> bool:
    """Return whether an expression has the same value in all of its function."""
    if place.body is None or not isinstance(place.node, ast.expr):
        return False
    every = list(ast.walk(place.body.node))
    loops = [one.target for one in every if isinstance(one, ast.For | ast.comprehension)]
    stored = [one.id for one in every if isinstance(one, ast.Name) and _is_stored(one)]
    stored += [one.arg for one in every if isinstance(one, ast.arg)]
    changing = {one.id for loop in loops for one in ast.walk(loop) if isinstance(one, ast.Name)}
    names = {one.id for one in ast.walk(place.node) if isinstance(one, ast.Name)}
    return changing.isdisjoint(names) and all(stored.count(name) <= 1 for name in names)


def _is_stored(node: ast.Name) -> bool:
    return not isinstance(node.ctx, ast.Load)


def _rewritten(call: ast.Call, node: object, text: str) -> str:
    """Return a call with another text in the place of an argument."""
    positional = [text if one is node else ast.unparse(one) for one in call.args]
    named = [
        f"{one.arg}={text if one.value is node else ast.unparse(one.value)}"
        for one in call.keywords
    ]
    return f"{ast.unparse(call.func)}({', '.join([*positional, *named])})"


def _in_product(place: Place) -> str:
    return f"({place.text})" if isinstance(place.node, ast.BinOp) else place.text
