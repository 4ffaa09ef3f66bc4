"""What functions that read audio give: samples and their rate, which code takes for one array.

Passes: ``speech, rate = soundfile.read(path)``; ``rate, speech = scipy.io.wavfile.read(path)``;
``pair = soundfile.read(path)`` of which ``pair[0]`` is used, or that is handed on.
Fails: ``speech = soundfile.read(path)`` with ``np.ascontiguousarray(speech)`` or ``speech.mean()``,
or as a field of an item; ``_, speech = soundfile.read(path)``: that is the rate.
"""

import ast
import re
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.checks.code.modules import RecipeModule, any_mentions, recipe_modules
from espnet3_compiler.checks.data.certain_code import assigned_values, is_asked, is_own
from espnet3_compiler.checks.item_kinds.axes import RATE_PLACES
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.signature.definitions import full_name
from espnet3_compiler.signature.flow import (
    FunctionNode,
    all_nodes,
    dotted_name,
    literal_text,
    own_nodes,
    own_returns,
)
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location

_WORDS = (b"soundfile", b"librosa", b"torchaudio", b"wavfile")
_CALL = re.compile(rb"\.(?:read|load)\(")
_BARE = (b"import read", b"import load", b"wavfile")
_OTHER_CALL = rb"(?:\b(?:np|numpy|json|pickle|torch|yaml|file|f)|\))\.\w+\($"
_PLAIN_CALL = re.compile(rb"\s+\w+, (?:_|sr|fs|\w*rate|_\w+)\s*=\s*\w+\.(?:read|load)\($")
"""What reads audio as it should be: ``speech, _ = soundfile.read(``."""

_OF_ARRAYS = ("numpy", "torch", "torchaudio", "librosa", "scipy")
_KEEPING = ("save", "savez", "load", "shape", "size", "is_tensor", "typename")
_OPERATORS = (ast.Mult, ast.Div, ast.FloorDiv, ast.Sub, ast.Pow, ast.MatMult)
_AUDIO = frozenset(
    (
        *("audio", "clean", "mix", "mixture", "noise", "noisy", "recording", "samples", "signal"),
        *("sound", "speech", "utterance", "wav", "wave", "waveform", "waves"),
    )
)
_RATES = frozenset(("fs", "freq", "frequency", "hz", "rate", "samplerate", "samplingrate", "sr"))
_NUMBERS = _RATES | {"count", "len", "length", "lengths", "num", "size"}


class _AudioReader(Struct, frozen=True):
    """A function of a recipe that reads audio.

    Attributes:
        modules: All modules of the recipe.
        module: Its module.
        node: The function.
        owner: The class of which it is a method, if it is one.
    """

    modules: tuple[RecipeModule, ...]
    module: RecipeModule
    node: FunctionNode
    owner: ast.ClassDef | None


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R519, once for each call that reads."""
    modules = recipe_modules(recipe, resolved)
    for module in modules:
        if module.time != "maybe" and _may_be_wrong(module) and not module.file.wrong:
            found = (one for reader in _readers(modules, module) for one in _check_function(reader))
            yield from first_per_location(found)


def _may_be_wrong(module: RecipeModule) -> bool:
    """Return whether a module may read audio in another way than that which is usual and right."""
    text = module.file.content
    if not any_mentions([module], _WORDS):
        return False
    lines = (
        text[text.rfind(b"\n", 0, one.start()) + 1 : one.end()] for one in _CALL.finditer(text)
    )
    return any_mentions([module], _BARE) or any(map(_is_unusual, lines))


def _is_unusual(line: bytes) -> bool:
    """Return whether a call, told by its line up to it, may read audio, and not into two names."""
    return not (_PLAIN_CALL.match(line) or re.search(_OTHER_CALL, line))


def _readers(modules: tuple[RecipeModule, ...], module: RecipeModule) -> Iterator[_AudioReader]:
    tree = module.file.tree
    classes = [one for one in tree.body if isinstance(one, ast.ClassDef)]
    owners = {id(one): owner for owner in classes for one in owner.body}
    for node in all_nodes(tree):
        if isinstance(node, FunctionNode):
            yield _AudioReader(modules, module, node, owners.get(id(node)))


def _check_function(reader: _AudioReader) -> Iterator[Diagnostic]:
    for item in own_nodes(reader.node):
        match item:
            case ast.Assign(targets=[ast.Tuple(elts=names) as target], value=ast.Call() as call):
                called = _reading(call, reader)
                if called and _are_exchanged(names, RATE_PLACES[called], reader.node):
                    yield _exchanged(reader, target, names, called)
            case ast.Assign(targets=[ast.Name() as target], value=ast.Call() as call):
                called = _reading(call, reader)
                if called and _is_taken_for_array(target.id, reader):
                    yield _one_name(reader, target, called)
            case ast.Call() | ast.Attribute() | ast.BinOp():
                for inner in _taken_for_arrays(item, reader):
                    called = _reading(inner, reader)
                    if called:
                        yield _one_name(reader, inner, called)


def _reading(call: ast.AST, reader: _AudioReader, depth: int = 0) -> str:
    """Return the name of the function that reads what a call gives; empty where it is another.

    Args:
        call: The call, perhaps of a function of the same module that returns what it read.
        reader: The function in which it stands.
        depth: How many functions were followed.
    """
    name = dotted_name(call.func) if isinstance(call, ast.Call) else None
    if not name or depth > 1:
        return ""
    first, _, method = name.partition(".")
    if first == "self" and reader.owner is None:
        return ""
    own = reader.owner.body if first == "self" and reader.owner else reader.module.file.tree.body
    word = method if first == "self" else name
    made = [one for one in own if isinstance(one, ast.FunctionDef) and one.name == word]
    if len(made) == 1 and not _has_wrapper(made[0]):
        inside = replace(reader, node=made[0])
        given = [one.value for one in own_returns(made[0])]
        readers = {_reading(one, inside, depth + 1) if one else "" for one in given}
        return readers.pop() if len(readers) == 1 else ""
    if first == "self" or is_own(reader.node, first):
        return ""
    full = full_name(reader.module.library, reader.module.location, name)
    return full if full in RATE_PLACES else ""


def _has_wrapper(node: ast.FunctionDef) -> bool:
    return any(dotted_name(one) != "staticmethod" for one in node.decorator_list)


def _is_taken_for_array(name: str, reader: _AudioReader) -> bool:
    """Return whether a variable that is always a pair is used as an array, or put into an item."""
    values = assigned_values(reader.node, name)
    if not values or not all(_reading(one, reader) for one in values):
        return False
    if is_asked(reader.node, name):
        return False
    every = all_nodes(reader.node)
    used = [one for item in every for one in _taken_for_arrays(item, reader)]
    used += _fields_of_items(reader)
    return any(isinstance(one, ast.Name) and one.id == name for one in used)


def _taken_for_arrays(item: ast.AST, reader: _AudioReader) -> list[ast.expr]:
    """Return the expressions that something does with what only an array or a number allows."""
    match item:
        case ast.Attribute(value=value, attr=attr) if not hasattr((), attr):
            return [value]
        case ast.BinOp(left=left, right=right, op=op) if isinstance(op, _OPERATORS):
            return [left, right]
        case ast.Subscript(value=value, slice=ast.Tuple()):
            return [value]
        case ast.Call(func=func, args=args, keywords=keywords) if _takes_arrays(func, reader):
            return [*args[:1], *(one.value for one in keywords if one.arg in ("input", "a"))]
    return []


def _takes_arrays(func: ast.expr, reader: _AudioReader) -> bool:
    name = dotted_name(func) or ""
    first, _, last = name.rpartition(".")
    if not first or last in _KEEPING or is_own(reader.node, name.partition(".")[0]):
        return False
    full = full_name(reader.module.library, reader.module.location, name)
    return full.partition(".")[0] in _OF_ARRAYS and full not in RATE_PLACES


def _fields_of_items(reader: _AudioReader) -> list[ast.expr]:
    """Return what a data set gives as fields of an item that sound like audio."""
    if reader.node.name != "__getitem__":
        return []
    return [
        value
        for item in all_nodes(reader.node)
        if isinstance(item, ast.Dict)
        for key, value in zip(item.keys, item.values, strict=True)
        if _is_audio(name := literal_text(key) or "") and not _is_taken_apart(name, reader.modules)
    ]


def _is_taken_apart(field: str, modules: tuple[RecipeModule, ...]) -> bool:
    """Return whether code may take both parts of a field: ``speech, rate = item["speech"]``.

    So may code that hands on both (``*item["speech"]``), has the field among others in a list, or
    asks fields whether they are tuples.
    """
    text = rf"[\"']{re.escape(field)}[\"']"
    key = rf"[\[(]{text}[\])]"
    parts = rf"{key}\s*\[|,\s*\w+\)?\s*=\s*[^\n=]*{key}|\*[\w.]+{key}"
    both = re.compile(rf"{parts}|{text}\s*,|isinstance\([^\n]*tuple".encode())
    return any(both.search(module.file.content) for module in modules)


def _are_exchanged(names: list[ast.expr], rate: int, node: FunctionNode) -> bool:
    """Return whether two names say that what is the rate is taken for the samples.

    ``speech_sr`` may be samples at a rate or the rate of samples: it says nothing by itself.

    Args:
        names: What a call is unpacked into.
        rate: Which of both the rate is.
        node: The function.
    """
    words = [one.id if isinstance(one, ast.Name) else "" for one in names]
    if len(words) != len(("samples", "rate")) or not all(words):
        return False
    taken, other = words[rate], words[1 - rate]
    if _is_rate(other) and taken.strip("_"):
        alone = not _AUDIO & set(_words_of(other))
        return not _is_rate(taken) and (alone or _is_audio(taken))
    read = [one for one in all_nodes(node) if isinstance(one, ast.Name) and one.id == other]
    unread = not any(isinstance(one.ctx, ast.Load) for one in read)
    return unread and _is_audio(taken) and not _is_audio(other)


def _is_audio(name: str) -> bool:
    parts = set(_words_of(name))
    return bool(parts & _AUDIO) and not parts & _NUMBERS


def _is_rate(name: str) -> bool:
    """Return whether the last word of a name is one for a rate: no ``frequency_response``."""
    words = [one for one in _words_of(name) if one]
    return bool(words) and words[-1] in _RATES


def _words_of(name: str) -> list[str]:
    return [one.rstrip("0123456789") for one in name.lower().split("_")]


def _one_name(reader: _AudioReader, place: ast.expr, called: str) -> Diagnostic:
    """Return the finding about a pair that is taken for an array.

    Args:
        reader: The function.
        place: The variable, or the call itself.
        called: What reads the audio.
    """
    name = place.id if isinstance(place, ast.Name) else "speech"
    what = f'"{name}"' if isinstance(place, ast.Name) else "what it gives"
    message = f"{called} gives the samples and their rate, and {what} is used as one array"
    return _finding(reader, place, "a pair", message, _right(name, called))


def _exchanged(
    reader: _AudioReader, target: ast.Tuple, names: list[ast.expr], called: str
) -> Diagnostic:
    """Return the finding about a rate that is taken for the samples.

    Args:
        reader: The function.
        target: What the call is unpacked into.
        names: Its names.
        called: What reads the audio.
    """
    words = [one.id for one in names if isinstance(one, ast.Name)]
    rate = RATE_PLACES[called]
    order = "the rate, then the samples" if rate == 0 else "the samples, then their rate"
    message = f'{called} gives {order}: "{words[rate]}" is the rate'
    right = _right(words[rate], called, words[1 - rate])
    return _finding(reader, target, "in another order", message, right)


def _right(name: str, called: str, rate: str = "_") -> str:
    pair = f"{rate}, {name}" if RATE_PLACES[called] == 0 else f"{name}, {rate}"
    return f"write {pair} = {called}(…)"


def _finding(
    reader: _AudioReader, place: ast.expr, label: str, message: str, advice: str
) -> Diagnostic:
    """Return R519.

    Args:
        reader: The function.
        place: Where it is wrong.
        label: What is there, in few words.
        message: One sentence.
        advice: What to write.
    """
    used = (Label(use_location(reader.module.name), "used here"),)
    span = reader.module.file.expression_span(place)
    return Diagnostic("R519", message, Label(span, label), used, (advice,))
