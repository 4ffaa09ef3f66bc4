"""Parts of a model that count the frames of others, by another step than these were made with.

Passes: ``feats, lengths = self.frontend(speech, speech_lengths)`` and ``self.vocoder(feats,
lengths)`` where both have a ``hop_length`` of 160, or that of one is twice the other's, which may
join frames; lengths that are changed in between.
Fails: the same where that of the vocoder is 256, and the frontend returns ``speech_lengths //
self.hop_length``.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec import Struct

from espnet3_compiler.checks.data.bodies import class_of, method_body, returned_values
from espnet3_compiler.checks.shapes.frames import Run
from espnet3_compiler.checks.shapes.values import Constant, Part, Place, Value
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.signature.flow import FunctionNode, dotted_name
from espnet3_compiler.syntax.span_key import first_per_location

_STEPS = ("hop_length", "hop_size", "n_shift", "frame_shift")
"""How a part calls the samples between its frames."""


class _Handed(Struct, frozen=True):
    """A value that one part of a model gives and another one takes as it is.

    Attributes:
        giver: The dotted name of the first part, for example ``self.frontend``.
        position: Which of its results it is.
        taker: The dotted name of the other.
    """

    giver: str
    position: int
    taker: str


def step_findings(run: Run) -> list[Diagnostic]:
    """Return R816, once for each place."""
    parts = list({id(one): one for one in run.memo.values() if isinstance(one, Part)}.values())
    steps = {step.value for one in parts for _, step in _steps_of(one)}
    if all(_may_be_meant(one, other) for one in steps for other in steps):
        return []
    return first_per_location(found for one in parts for found in _check_part(one, run))


def _steps_of(part: Part) -> Iterator[tuple[str, Constant]]:
    """Yield the steps that a part has, by their names."""
    for name in _STEPS:
        value = part.attributes.get(name)
        if isinstance(value, Constant) and type(value.value) is int and not part.changed:
            yield name, value


def _check_part(part: Part, run: Run) -> Iterator[Diagnostic]:
    found = class_of(run.library, part.path)
    for method in found.summary.members if found and _has_parts(part) else ():
        body = method_body(run.library, part.path, method)
        for handed in _handed(body.node) if body else ():
            giver, taker = (_part_at(part, name) for name in (handed.giver, handed.taker))
            made = _step_of_count(giver, handed.position, run) if giver and taker else None
            for name, step in _steps_of(taker) if made and taker else ():
                if made and not _may_be_meant(made.value, step.value):
                    yield from _finding(handed, name, made, step)


def _may_be_meant(made: int, own: int) -> bool:
    """Return whether a part may count each of some frames as several, or several as one."""
    return made < 1 or own < 1 or max(made, own) % min(made, own) == 0


def _has_parts(part: Part) -> bool:
    return any(isinstance(one, Part) for one in part.attributes.values())


def _part_at(part: Part, name: str) -> Part | None:
    """Return the part that a dotted name means in a method of another."""
    found: Value = part
    for word in name.split(".")[1:]:
        found = found.attributes.get(word) if isinstance(found, Part) else None
    return found if isinstance(found, Part) else None


def _handed(function: FunctionNode) -> Iterator[_Handed]:
    """Yield what parts of ``self`` give one another in a function, by names that are set once."""
    every = list(ast.walk(function))
    names = [one for one in every if isinstance(one, ast.Name)]
    stored = Counter(one.id for one in names if not isinstance(one.ctx, ast.Load))
    given: dict[str, tuple[str, int]] = {}
    for item in every:
        if isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Tuple):
            giver = _called_part(item.value)
            for position, one in enumerate(item.targets[0].elts if giver else ()):
                if isinstance(one, ast.Name) and stored[one.id] == 1:
                    given[one.id] = giver, position
    for item in every:
        taker = _called_part(item)
        for one in item.args if isinstance(item, ast.Call) and taker else ():
            if isinstance(one, ast.Name) and one.id in given and given[one.id][0] != taker:
                yield _Handed(*given[one.id], taker)


def _called_part(node: ast.AST) -> str:
    """Return the dotted name of the part of ``self`` that is called; empty for another call."""
    name = (dotted_name(node.func) if isinstance(node, ast.Call) else None) or ""
    return name if name.startswith("self.") else ""


def _step_of_count(part: Part, position: int, run: Run) -> Constant | None:
    """Return the step by which ``forward`` of a part divides one of its results, to count frames.

    Args:
        part: The part.
        position: Which of its results.
        run: What was followed.
    """
    body = method_body(run.library, part.path, "forward")
    returned = list(returned_values(body.node)) if body else []
    whole = returned[0] if len(returned) == 1 else None
    if not isinstance(whole, ast.Tuple) or position >= len(whole.elts) or part.changed:
        return None
    divided = [
        dotted_name(one.right) or ""
        for one in ast.walk(whole.elts[position])
        if isinstance(one, ast.BinOp) and isinstance(one.op, ast.FloorDiv)
    ]
    owner, _, name = divided[0].rpartition(".") if len(divided) == 1 else ("", "", "")
    return dict(_steps_of(part)).get(name) if owner == "self" else None


def _finding(handed: _Handed, name: str, made: Constant, step: Constant) -> Iterator[Diagnostic]:
    """Yield R816 at the value of the recipe that decides a step: that of the taker, else the other.

    Args:
        handed: The count of frames.
        name: How the taker calls its step.
        made: The step that they were made with.
        step: The step of the taker.
    """
    own, other = _written(step.places), _written(made.places)
    place = next(iter((*own, *other)), None)
    if place is None:
        return
    right = made.value if own else step.value
    labels = [Label(one.span, f"decides {made.value}") for one in other if own]
    yield Diagnostic(
        "R816",
        f"{handed.giver} makes a frame every {made.value} samples, and {handed.taker}, which gets "
        f"their number, has {name} {step.value}",
        Label(place.span, "frames of another length"),
        tuple(labels),
        (f"write {name}: {right}" if own else f"choose it so that {name} is {right}",),
    )


def _written(places: Iterable[Place]) -> list[Place]:
    return [one for one in places if one.body is None]
