"""Read an ESPnet2 task class: its options, its choices of classes, and the use of each ``*_conf``.

An ESPnet2 task lists ``ClassChoices`` (``encoder`` is one of conformer, transformer …), adds
options to an ``argparse`` parser, and passes ``**args.encoder_conf`` to the chosen class in
``build_model``. All three are read from its text.
"""

import ast
import re
from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.signature import definitions, resolve_name, split_source
from espnet3_compiler.signature.definitions import CallFound, ClassFound
from espnet3_compiler.signature.flow import dotted_name
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import ModuleLocation
from espnet3_compiler.signature.result import (
    DefinitionLocation,
    Missing,
    NotAnalyzable,
    NotCallable,
)

_OPTION = re.compile(r"""["']--([A-Za-z_][^"'\s]*)["']""")
_FORMAT_FIELD = re.compile(r"\{[^}]*\}")
_CHOICES_ATTRIBUTE = "class_choices_list"
_BUILD_METHOD = "build_model"


class ClassChoice(Struct, frozen=True):
    """A ``ClassChoices``.

    Attributes:
        name: The option, for example ``encoder``.
        variable: The dotted name of the ``ClassChoices`` in the task's module.
        classes: The words that can be chosen, with dotted names of classes in ``location``.
        default: The word that is chosen when none is given.
        optional: Whether null can be chosen.
        location: The module of the ``ClassChoices``.
    """

    name: str
    variable: str
    classes: dict[str, str]
    default: str | None
    optional: bool
    location: ModuleLocation


class ConfCall(Struct, frozen=True):
    """A call with ``**args.NAME_conf`` in ``build_model``.

    Attributes:
        option: The name of the ``*_conf``.
        callee: The variable of a ``ClassChoices``, or the dotted name of a class.
        chosen: Whether ``callee`` is a ``ClassChoices``.
        positional: How many arguments it passes by position.
        keywords: The arguments that it passes by name.
    """

    option: str
    callee: str
    chosen: bool
    positional: int
    keywords: tuple[str, ...]


class Task(Struct, frozen=True):
    """A task class.

    Attributes:
        name: Its dotted path.
        location: The module of its choices.
        options: The names of its options.
        patterns: Options whose names are made while it runs (``optim{suffix}``), as expressions.
        choices: By option.
        uses: Calls that receive a ``*_conf``.
        origin: Where it is defined.
    """

    name: str
    location: ModuleLocation
    options: tuple[str, ...]
    patterns: tuple[str, ...]
    choices: dict[str, ClassChoice]
    uses: tuple[ConfCall, ...]
    origin: DefinitionLocation


def read_task(library: Library, path: str) -> Task | Missing | NotCallable | NotAnalyzable:
    """Return a task class, or the reason why it cannot be read."""
    found = resolve_name.find_definition(library, path)
    if isinstance(found, Missing | NotAnalyzable):
        return found
    if not isinstance(found, ClassFound):
        return NotCallable("no class", DefinitionLocation(path, path.replace(".", "/"), 0))
    order = resolve_name.resolution_order(library, found)
    known = [item for item in order if isinstance(item, ClassFound)]
    if len(known) < len(order):
        return NotAnalyzable(f"a base of {found.name} cannot be read")
    try:
        return _read_class(library, path, known)
    except (SyntaxError, ValueError, RecursionError):
        return NotAnalyzable(f"{found.location.shown} cannot be parsed")


def _read_class(library: Library, path: str, order: list[ClassFound]) -> Task | NotAnalyzable:
    owner, listed = _choice_names(library, order)
    found = [_read_choice(library, owner.location, name) for name in listed] if owner else []
    choices = [item for item in found if item is not None]
    if owner is None or len(choices) < len(found):
        return NotAnalyzable(f"the choices of {order[0].name} are computed")
    texts = _option_texts(library, order)
    found_names = [name.replace("-", "_") for text in texts for name in _OPTION.findall(text)]
    options = [name for name in found_names if name.isidentifier()]
    patterns = [_FORMAT_FIELD.sub(r"\\d*", name) for name in found_names if "{" in name]
    options += [name for item in choices for name in (item.name, f"{item.name}_conf")]
    return Task(
        path,
        owner.location,
        tuple(dict.fromkeys(options)),
        tuple(dict.fromkeys(patterns)),
        {item.name: item for item in choices},
        tuple(_build_calls(library, order)),
        definitions.definition_location(order[0].location, order[0].summary.line),
    )


def _option_texts(library: Library, order: list[ClassFound]) -> Iterator[str]:
    """Yield the text of every class, and of the trainer that adds options of its own."""
    every = list(order)
    for found in order:
        name = dotted_name(_class_values(library, found).get("trainer"))
        target = resolve_name.find_in(library, found.location, name) if name else None
        if isinstance(target, ClassFound):
            mro = resolve_name.resolution_order(library, target)
            every += [item for item in mro if isinstance(item, ClassFound)]
            break
    for item in every:
        source = _class_source(library, item)
        if source:
            yield source[0].lines(source[1].first, source[1].last)


def _class_source(
    library: Library, found: ClassFound
) -> tuple[split_source.ModuleText, split_source.Piece] | None:
    module = library.module(found.location)
    file = library.file(found.location)
    bindings = module.bindings.get(found.name, ()) if module else ()
    piece = next((item.piece for item in reversed(bindings) if item.piece), None)
    return (file.text, piece) if file and piece else None


def _class_values(library: Library, found: ClassFound) -> dict[str, ast.expr]:
    """Return the values that a class body assigns to names."""
    source = _class_source(library, found)
    values: dict[str, ast.expr] = {}
    for branch in split_source.class_branches(*source)[1] if source else ():
        node = branch.statement
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [item.id for item in targets if isinstance(item, ast.Name)]
            values |= dict.fromkeys(names, node.value)
    return values


def _choice_names(library: Library, order: list[ClassFound]) -> tuple[ClassFound | None, list[str]]:
    for found in order:
        value = _class_values(library, found).get(_CHOICES_ATTRIBUTE)
        if isinstance(value, ast.List | ast.Tuple):
            names = [dotted_name(item) or "" for item in value.elts]
            return (found, names) if all(names) else (None, [])
        if value is not None:
            return None, []
    return None, []


def _read_choice(library: Library, location: ModuleLocation, variable: str) -> ClassChoice | None:
    found = resolve_name.find_in(library, location, variable)
    node = _choices_call(library, found) if isinstance(found, CallFound) else None
    if not isinstance(found, CallFound) or node is None:
        return None
    given: dict[str | None, ast.expr] = dict(zip(("name", "classes"), node.args, strict=False))
    given |= {item.arg: item.value for item in node.keywords}
    name = given.get("name")
    words = _choice_words(given.get("classes"))
    default = given.get("default", ast.Constant(None))
    optional = given.get("optional", ast.Constant(value=False))
    if not (isinstance(name, ast.Constant) and isinstance(default, ast.Constant)) or words is None:
        return None
    chosen = None if default.value is None else str(default.value)
    can_be_null = chosen is None or not isinstance(optional, ast.Constant) or bool(optional.value)
    return ClassChoice(str(name.value), variable, words, chosen, can_be_null, found.location)


def _choices_call(library: Library, found: CallFound) -> ast.Call | None:
    file = library.file(found.location)
    if file is None or not found.binding.value.endswith("ClassChoices"):
        return None
    value = split_source.assigned_value(file.text, found.binding.first, found.binding.last)
    return value if isinstance(value, ast.Call) else None


def _choice_words(node: ast.expr | None) -> dict[str, str] | None:
    """Return the words of ``dict(a=A)`` or ``{"a": A}`` with the dotted names of their classes."""
    pairs: list[tuple[str | None, ast.expr]] = []
    if isinstance(node, ast.Call) and dotted_name(node.func) == "dict" and not node.args:
        pairs = [(item.arg, item.value) for item in node.keywords]
    elif isinstance(node, ast.Dict):
        keys = [getattr(item, "value", None) for item in node.keys]
        pairs = list(zip(keys, node.values, strict=True))
    if not pairs or not all(isinstance(word, str) for word, _ in pairs):
        return None
    return {str(word).lower(): dotted_name(value) or "" for word, value in pairs}


def _build_calls(library: Library, order: list[ClassFound]) -> Iterator[ConfCall]:
    for found in order:
        pieces = [item for item in found.summary.members.get(_BUILD_METHOD, ()) if item]
        source = _class_source(library, found)
        if pieces and source:
            yield from _conf_calls(split_source.function_node(source[0], pieces[-1]))
            return


def _conf_calls(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ConfCall]:
    chosen = dict(_chosen_variables(node))
    for call in (item for item in ast.walk(node) if isinstance(item, ast.Call)):
        options = [_conf_option(item.value) for item in call.keywords if item.arg is None]
        callee = dotted_name(call.func)
        starred = any(isinstance(item, ast.Starred) for item in call.args)
        if len(options) != 1 or options[0] is None or callee is None or starred:
            continue
        names = tuple(item.arg for item in call.keywords if item.arg)
        target = chosen.get(callee, callee)
        yield ConfCall(options[0], target, callee in chosen, len(call.args), names)


def _conf_option(node: ast.expr) -> str | None:
    name = dotted_name(node) or ""
    head, _, option = name.partition(".")
    return option if head == "args" and option.endswith("_conf") else None


def _chosen_variables(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the variables that are bound to ``CHOICES.get_class(…)``, with ``CHOICES``."""
    for item in ast.walk(node):
        if isinstance(item, ast.Assign) and isinstance(item.value, ast.Call):
            callee = dotted_name(item.value.func) or ""
            target = dotted_name(item.targets[0])
            if target and callee.endswith(".get_class"):
                yield target, callee.removesuffix(".get_class")
