"""Attributes of ``self`` that a class of the recipe reads and nothing sets.

Passes: ``self.size`` where ``__init__`` sets it, a base has it or code outside the class gives it;
a base whose subclass has it; what ``hasattr`` asks for; what is read under a condition only.
Fails: ``self.hidden`` where ``__init__`` sets ``self.hidden_size``; ``self.log(…)`` of a
LightningModule in a plain ``nn.Module``.
"""

import ast
import re
from collections.abc import Iterator

from espnet3_compiler.checks.code.modules import RecipeModule, recipe_modules
from espnet3_compiler.checks.data.certain_code import certain_nodes
from espnet3_compiler.checks.methods.attributes import (
    is_handed_over,
    is_set_elsewhere,
    known_attributes,
)
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.flow import FunctionNode, all_nodes, dotted_name
from espnet3_compiler.signature.resolve_name import resolution_order
from espnet3_compiler.syntax.provenance import use_location

_OF_LIGHTNING = frozenset(
    ("log", "log_dict", "trainer", "optimizers", "manual_backward", "current_epoch", "global_step")
)
"""What habit expects of a model: attributes of a LightningModule."""

_OF_SELF = re.compile(r"\bself\s*\.\s*(\w+)")
"""An attribute of ``self``; a pattern that begins with letters is found much faster."""

_OTHER_SELF = ("staticmethod", "classmethod")
_CAUGHT = ("AttributeError", "Exception")


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R518, once for each attribute of a class."""
    modules = recipe_modules(recipe, resolved)
    bases = _bases(modules)
    for module in modules:
        for found, _ in module.classes:
            given = (found.location.name, found.name) in bases
            known = None if given else known_attributes(module.library, found)
            if known is None:
                continue
            seen = set(known)
            for node, shift in _unsure_methods(module, found, known):
                for item in _reads(node):
                    if item.attr not in seen and not is_set_elsewhere(recipe, resolved, item.attr):
                        seen.add(item.attr)
                        yield _finding(module, found, item, shift, known)


def _unsure_methods(
    module: RecipeModule, found: ClassFound, known: frozenset[str]
) -> Iterator[tuple[FunctionNode, int]]:
    """Yield the methods of a class in whose text ``self`` has another attribute than is known.

    Args:
        module: The module of the class.
        found: The class.
        known: The attributes that it has.
    """
    for pieces in found.summary.members.values():
        for piece in pieces:
            if piece is not None and piece.kind == "def":
                text = module.file.text.lines(piece.first, piece.last)
                if not known.issuperset(_OF_SELF.findall(text)):
                    yield module.file.function_node(piece), piece.first - 2


def _bases(modules: tuple[RecipeModule, ...]) -> frozenset[tuple[str, str]]:
    """Return the classes from which others of the recipe derive."""
    return frozenset(
        (base.location.name, base.name)
        for module in modules
        for found, _ in module.classes
        for base in resolution_order(module.library, found)[1:]
        if isinstance(base, ClassFound)
    )


def _reads(node: FunctionNode) -> Iterator[ast.Attribute]:
    """Yield the attributes of its object that a method reads in any case, without asking first."""
    names = [dotted_name(one) for one in node.decorator_list]
    first = next(iter((*node.args.posonlyargs, *node.args.args)), None)
    own = first.arg if first and not set(names) & {*_OTHER_SELF} else ""
    nodes = all_nodes(node)
    if not own or any(_rebinds(item, own) or _expects_absence(item) for item in nodes):
        return
    handed = is_handed_over(node, own)
    asked = {item.value for item in nodes if handed and isinstance(item, ast.Constant)}
    for item in certain_nodes(node.body):
        match item:
            case ast.Attribute(value=ast.Name(id=name), attr=attr, ctx=ast.Load()) if name == own:
                if attr not in asked and not attr.startswith("__"):
                    yield item


def _rebinds(item: ast.AST, own: str) -> bool:
    """Return whether a node gives the first argument's name to something else."""
    if isinstance(item, ast.Name):
        return item.id == own and not isinstance(item.ctx, ast.Load)
    return isinstance(item, ast.ClassDef)


def _expects_absence(item: ast.AST) -> bool:
    if not isinstance(item, ast.ExceptHandler):
        return False
    names = (
        {one.id for one in all_nodes(item.type) if isinstance(one, ast.Name)} if item.type else ()
    )
    return not names or not {*_CAUGHT}.isdisjoint(names)


def _finding(
    module: RecipeModule,
    found: ClassFound,
    item: ast.Attribute,
    shift: int,
    known: frozenset[str],
) -> Diagnostic:
    """Return the finding about an attribute.

    Args:
        module: The module of the class.
        found: The class.
        item: The expression that reads the attribute.
        shift: What the lines of its method lack to those of the file.
        known: The attributes that the class has.
    """
    own = sorted(one for one in known if not one.startswith("__"))
    near = closest_match(item.attr, own)
    advice = f'did you mean "{near}"?' if near else f"set self.{item.attr} in __init__"
    if item.attr in _OF_LIGHTNING and "register_buffer" in known:
        advice = "only a LightningModule has it: derive from one, or return what is to be logged"
    word = f"self.{item.attr}"
    return Diagnostic(
        "R518",
        f'{found.location.name}.{found.name} reads "{word}", which nothing sets',
        Label(module.file.expression_span(item, shift=shift), "not set by the class"),
        (Label(use_location(module.name), "imported for this"),),
        (advice,),
    )
