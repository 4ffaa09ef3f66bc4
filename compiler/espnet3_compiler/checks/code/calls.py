"""Calls in the recipe's own code, against what the function or class that is called takes.

Passes: ``F.cross_entropy(scores, label, label_smoothing=0.1)``; ``super().__init__(*sizes)``; a
call below ``except TypeError``, or in a function that asks for the version of a library.
Fails: ``F.cross_entropy(scores, label, smoothing=0.1)``; ``super().__init__()`` where the base
needs two arguments; ``Encoder(80)`` of a recipe whose ``Encoder`` takes a second one.

Of libraries only calls with arguments by name are judged, and none of what is compiled
(``torch.sum``) or comes with Python: reading others takes too long.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.checks.code.callees import Callee, callee_of, is_replaced
from espnet3_compiler.checks.code.modules import RecipeModule
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span, line_span
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.signature.module_summary import CodeCall, CodeWord
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.unknown_name import did_you_mean, format_names

_MAX_LENGTH = 60


class _Problem(Struct, frozen=True):
    """What is wrong with a call: a code, a sentence about the callee, where, why and what to do."""

    code: str
    message: str
    word: CodeWord
    label: str
    advice: tuple[str, ...] = ()


def check_calls(modules: Sequence[RecipeModule]) -> Iterator[Diagnostic]:
    """Yield R502, R503 and R506 for calls, once for each callee and argument."""
    same: dict[tuple[str, str], list[Diagnostic]] = {}
    for module in modules:
        for call in module.file.calls if module.time != "maybe" else ():
            callee = callee_of(module, call)
            problems = list(_problems(call, callee)) if callee else ()
            if callee and problems and not is_replaced(modules, module, call, callee):
                for found in (_finding(module, callee, item) for item in problems):
                    same.setdefault((found.code, found.message), []).append(found)
    for first, *others in same.values():
        labels = tuple(Label(one.primary.span, "here too") for one in others)
        yield replace(first, related=(*first.related, *labels))


def _problems(call: CodeCall, callee: Callee) -> Iterator[_Problem]:
    signature = callee.signature
    room = signature.positional
    if call.positional > len(room) and not signature.more_positional:
        yield _too_many(call, len(room))
    taken = {item.name for item in room[: call.positional]}
    unknown = [item for item in call.keywords if signature.find(item.text) is None]
    unknown = [] if signature.more_keywords else unknown
    for word in call.keywords:
        if callee.own and word.text in taken and word not in unknown:
            message = f'gets "{word.text}" by position and by name'
            yield _Problem("R506", message, word, "given again here")
    yield from _wrong_names(call, callee, taken, unknown)


def _too_many(call: CodeCall, limit: int) -> _Problem:
    takes = f"at most {limit}" if limit else "no"
    words = "argument" if limit == 1 else "arguments"
    message = f"takes {takes} {words} by position, not {call.positional}"
    return _Problem("R502", message, call.word, "too many arguments")


def _wrong_names(
    call: CodeCall, callee: Callee, taken: set[str], unknown: list[CodeWord]
) -> Iterator[_Problem]:
    """Yield unknown arguments, and missing ones unless those may be meant for them."""
    given = taken | {item.text for item in call.keywords}
    judged = callee.own and not call.unpacks
    needed = [item.name for item in callee.signature.parameters if item.required]
    missing = [name for name in needed if judged and name not in given]
    for word in unknown:
        free = [name for name in callee.signature.keywords if name not in given]
        near = closest_match(word.text, missing) or closest_match(word.text, free)
        needs = () if near or not missing else (f"it needs {format_names(missing)}",)
        yield _unknown_argument(callee, word, near, needs)
    if missing and not unknown:
        yield _missing_arguments(call, missing)


def _unknown_argument(
    callee: Callee, word: CodeWord, near: str | None, advice: tuple[str, ...]
) -> _Problem:
    listing = ", ".join(callee.signature.keywords)
    label = f"not in ({listing})" if len(listing) <= _MAX_LENGTH else "no such argument"
    if any(item.name == word.text for item in callee.signature.positional):
        label = "taken by position only"
    elif not listing:
        label = "it takes no arguments by name"
    message = f'has no argument "{word.text}"'
    return _Problem("R502", message, word, label, (*did_you_mean(near), *advice))


def _missing_arguments(call: CodeCall, missing: list[str]) -> _Problem:
    words = "arguments" if len(missing) > 1 else "argument"
    quoted = ", ".join(f'"{name}"' for name in missing)
    label = f"{format_names(missing)} not given"
    return _Problem("R503", f"needs the {words} {quoted}", call.word, label)


def _finding(module: RecipeModule, callee: Callee, problem: _Problem) -> Diagnostic:
    return Diagnostic(
        problem.code,
        f"{callee.signature.name} {problem.message}",
        Label(_span(module, problem.word), problem.label),
        (Label(use_location(module.name), "imported for this"),),
        problem.advice,
        (f"defined at {callee.signature.origin}",),
    )


def _span(module: RecipeModule, word: CodeWord) -> Span:
    """Return where a word stands; the rest of its line if it is written in another way."""
    source = module.file.source
    line = source.line_text(word.line)
    column = len(line.encode()[: word.column].decode(errors="replace"))
    length = len(word.text) if line.startswith(word.text, column) else 0
    return line_span(source, word.line, column + 1, length)
