"""Read an ESPnet2 task class: its options, its choices of classes, and who gets which ``*_conf``.

An ESPnet2 task lists ``ClassChoices`` (``encoder`` is one of conformer, transformer …), adds
options to an ``argparse`` parser, and passes ``**args.encoder_conf`` to the chosen class in
``build_model``. All three stand in its text.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from espnet3_compiler.signature import definitions, lookup, outline
from espnet3_compiler.signature.definitions import CallFound, ClassFound
from espnet3_compiler.signature.flow import dotted
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import Place
from espnet3_compiler.signature.model import Missing, NotCallable, Origin, Unknown

_OPTION = re.compile(r"""["']--([A-Za-z_][^"'\s]*)["']""")
_HOLE = re.compile(r"\{[^}]*\}")
_LIST = "class_choices_list"
_BUILD = "build_model"


@dataclass(frozen=True, slots=True)
class Choice:
    """A ``ClassChoices``.

    Attributes:
        name: The option, for example ``encoder``.
        variable: The dotted name of the ``ClassChoices`` in the task's module.
        classes: The words that can be chosen, with dotted names of classes in ``place``.
        default: The word that is chosen when none is given.
        optional: Whether null can be chosen.
        place: The module in which the ``ClassChoices`` stands.
    """

    name: str
    variable: str
    classes: dict[str, str]
    default: str | None
    optional: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Use:
    """A call with ``**args.NAME_conf`` in ``build_model``.

    Attributes:
        option: The name of the ``*_conf``.
        callee: The variable of a ``ClassChoices``, or the dotted name of a class.
        chosen: Whether ``callee`` is a ``ClassChoices``.
        places: How many arguments it passes by place.
        names: The arguments that it passes by name.
    """

    option: str
    callee: str
    chosen: bool
    places: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """A task class.

    Attributes:
        name: Its dotted path.
        place: Its module.
        options: What can be given.
        patterns: Options whose names are made while it runs (``optim{suffix}``), as expressions.
        choices: By option.
        uses: Calls that receive a ``*_conf``.
        origin: Where it is defined.
    """

    name: str
    place: Place
    options: tuple[str, ...]
    patterns: tuple[str, ...]
    choices: dict[str, Choice]
    uses: tuple[Use, ...]
    origin: Origin


def read_task(library: Library, path: str) -> Task | Missing | NotCallable | Unknown:
    """Return a task class, or why it cannot be read."""
    found = lookup.find(library, path)
    if isinstance(found, Missing | Unknown):
        return found
    if not isinstance(found, ClassFound):
        return NotCallable("no class", Origin(path, path.replace(".", "/"), 0))
    order = lookup.resolution_order(library, found)
    known = [item for item in order if isinstance(item, ClassFound)]
    if len(known) < len(order):
        return Unknown(f"a base of {found.name} cannot be read")
    try:
        return _task(library, path, known)
    except (SyntaxError, ValueError, RecursionError):
        return Unknown(f"{found.place.shown} cannot be parsed")


def _task(library: Library, path: str, order: list[ClassFound]) -> Task | Unknown:
    owner, listed = _choice_names(library, order)
    found = [_choice(library, owner.place, name) for name in listed] if owner else []
    choices = [item for item in found if item is not None]
    if owner is None or len(choices) < len(found):
        return Unknown(f"the choices of {order[0].name} are computed")
    texts = _texts(library, order)
    found_names = [name.replace("-", "_") for text in texts for name in _OPTION.findall(text)]
    options = [name for name in found_names if name.isidentifier()]
    patterns = [_HOLE.sub(r"\\d*", name) for name in found_names if "{" in name]
    options += [name for item in choices for name in (item.name, f"{item.name}_conf")]
    return Task(
        path,
        owner.place,
        tuple(dict.fromkeys(options)),
        tuple(dict.fromkeys(patterns)),
        {item.name: item for item in choices},
        tuple(_uses(library, order)),
        definitions.origin(order[0].place, order[0].summary.line),
    )


def _texts(library: Library, order: list[ClassFound]) -> Iterator[str]:
    """Yield the text of every class, and of the trainer that adds options of its own."""
    every = list(order)
    for found in order:
        trainer = _values(library, found).get("trainer")
        name = dotted(trainer) if trainer is not None else None
        target = lookup.find_in(library, found.place, name) if name else None
        if isinstance(target, ClassFound):
            mro = lookup.resolution_order(library, target)
            every += [item for item in mro if isinstance(item, ClassFound)]
            break
    for item in every:
        source = _source(library, item)
        if source:
            yield source[0].lines(source[1].first, source[1].last)


def _source(library: Library, found: ClassFound) -> tuple[outline.Text, outline.Piece] | None:
    module = library.module(found.place)
    file = library.file(found.place)
    bindings = module.bindings.get(found.name, ()) if module else ()
    piece = next((item.piece for item in reversed(bindings) if item.piece), None)
    return (file.text, piece) if file and piece else None


def _values(library: Library, found: ClassFound) -> dict[str, ast.expr]:
    """Return what the names of a class body are bound to."""
    key = ("values", found.place.name, found.name)
    if key not in library.memo:
        library.memo[key] = dict(_assigned(library, found))
    values: dict[str, ast.expr] = library.memo[key]
    return values


def _assigned(library: Library, found: ClassFound) -> Iterator[tuple[str, ast.expr]]:
    source = _source(library, found)
    branches = outline.class_branches(*source)[1] if source else []
    for branch in branches:
        node = branch.statement
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value


def _choice_names(library: Library, order: list[ClassFound]) -> tuple[ClassFound | None, list[str]]:
    for found in order:
        value = _values(library, found).get(_LIST)
        if isinstance(value, ast.List | ast.Tuple):
            names = [dotted(item) or "" for item in value.elts]
            return (found, names) if all(names) else (None, [])
        if value is not None:
            return None, []
    return None, []


def _choice(library: Library, place: Place, variable: str) -> Choice | None:
    call = _call(library, place, variable)
    if call is None:
        return None
    where, node = call
    given: dict[str | None, ast.expr] = dict(zip(("name", "classes"), node.args, strict=False))
    given |= {item.arg: item.value for item in node.keywords}
    name = given.get("name")
    words = _words(given.get("classes"))
    default = given.get("default", ast.Constant(None))
    optional = given.get("optional", ast.Constant(value=False))
    if not (isinstance(name, ast.Constant) and isinstance(default, ast.Constant)) or words is None:
        return None
    chosen = None if default.value is None else str(default.value)
    can_be_null = chosen is None or not isinstance(optional, ast.Constant) or bool(optional.value)
    return Choice(str(name.value), variable, words, chosen, can_be_null, where)


def _call(library: Library, place: Place, variable: str) -> tuple[Place, ast.Call] | None:
    found = lookup.find_in(library, place, variable)
    if not isinstance(found, CallFound) or not found.binding.value.endswith("ClassChoices"):
        return None
    file = library.file(found.place)
    assert file is not None
    value = outline.value_of(file.text, found.binding.first, found.binding.last)
    return (found.place, value) if isinstance(value, ast.Call) else None


def _words(node: ast.expr | None) -> dict[str, str] | None:
    """Return the words of ``dict(a=A)`` or ``{"a": A}`` with the dotted names of their classes."""
    pairs: list[tuple[str | None, ast.expr]] = []
    if isinstance(node, ast.Call) and dotted(node.func) == "dict" and not node.args:
        pairs = [(item.arg, item.value) for item in node.keywords]
    elif isinstance(node, ast.Dict):
        keys = [item.value if isinstance(item, ast.Constant) else None for item in node.keys]
        pairs = [
            (key if isinstance(key, str) else None, value)
            for key, value in zip(keys, node.values, strict=True)
        ]
    if not pairs or any(word is None for word, _ in pairs):
        return None
    return {str(word).lower(): dotted(value) or "" for word, value in pairs}


def _uses(library: Library, order: list[ClassFound]) -> Iterator[Use]:
    for found in order:
        pieces = [item for item in found.summary.members.get(_BUILD, ()) if item]
        source = _source(library, found)
        if pieces and source:
            node = outline.function_node(source[0], pieces[-1])
            yield from _calls(node)
            return


def _calls(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Use]:
    chosen = dict(_chosen(node))
    for call in (item for item in ast.walk(node) if isinstance(item, ast.Call)):
        options = [_conf(item.value) for item in call.keywords if item.arg is None]
        callee = dotted(call.func)
        starred = any(isinstance(item, ast.Starred) for item in call.args)
        if len(options) != 1 or options[0] is None or callee is None or starred:
            continue
        names = tuple(item.arg for item in call.keywords if item.arg)
        target = chosen.get(callee, callee)
        yield Use(options[0], target, callee in chosen, len(call.args), names)


def _conf(node: ast.expr) -> str | None:
    name = dotted(node) or ""
    head, _, option = name.partition(".")
    return option if head == "args" and option.endswith("_conf") else None


def _chosen(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield variables that are bound to ``CHOICES.get_class(…)``."""
    for item in ast.walk(node):
        if isinstance(item, ast.Assign) and isinstance(item.value, ast.Call):
            callee = dotted(item.value.func) or ""
            target = dotted(item.targets[0])
            if target and callee.endswith(".get_class"):
                yield target, callee.removesuffix(".get_class")
