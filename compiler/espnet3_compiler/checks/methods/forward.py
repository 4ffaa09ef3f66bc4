"""The models that are trained: what the trainer calls is ``forward``.

Passes: ``def forward(self, speech, speech_lengths, text)`` that returns the loss.
Fails: a class with ``training_step`` and without ``forward``.
"""

import re
from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import class_of, python_span
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.signature.classes import is_torch_module
from espnet3_compiler.signature.definitions import ClassFound, FunctionFound, is_patched, own_member
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.resolve_name import resolution_order
from espnet3_compiler.stage_graph.stage_inputs import own_model, reads_model
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Scalar
from espnet3_schemas import TARGET

_SET_ELSEWHERE = re.compile(r"\.forward\s*=|[\"']forward[\"']")
_LIGHTNING = ("lightning", "pytorch_lightning")
_ADVICE = (
    "write def forward(self, …) with the fields of a batch by name, which returns the loss; "
    "the runtime makes the steps and the optimizers"
)


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R425 for models that are trained and have no ``forward``."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("train", recipe):
        path = trained_model(stage, resolved)
        model = class_of(recipe.library, str(path.value)) if path else None
        if path and model and model.location.local and _lacks_forward(recipe.library, model):
            found.append(_without_forward(recipe.library, model, path))
    yield from first_per_location(found)


def trained_model(stage: StageDecl, resolved: Resolved) -> Scalar | None:
    """Return the dotted path of the model that a stage trains, where it is a plain target.

    Args:
        stage: A stage that trains.
        resolved: The values of the recipe.
    """
    named = stage.model if reads_model(stage, resolved) else None
    node = resolved.models.get(str(named.value)) if named else own_model(stage, resolved)
    path = node.get(TARGET) if node else None
    text = path.value if isinstance(path, Scalar) else None
    return path if isinstance(path, Scalar) and isinstance(text, str) and "$" not in text else None


def _lacks_forward(library: Library, found: ClassFound) -> bool:
    """Return whether a class certainly has no other ``forward`` than that of ``nn.Module``."""
    for item in resolution_order(library, found):
        if not isinstance(item, ClassFound):
            return False
        if is_torch_module(item):
            return True
        of_lightning = item.location.name.partition(".")[0] in _LIGHTNING
        if of_lightning and item.name == "LightningModule":
            continue  # its forward calls that of nn.Module
        if item.summary.open or "forward" in item.summary.members:
            return False
        if item.location.local and _may_get_forward(library, item):
            return False
    return False


def _may_get_forward(library: Library, item: ClassFound) -> bool:
    """Return whether something other than a ``def`` may give a class of the recipe its forward."""
    file = library.file(item.location)
    dynamic = item.summary.decorators or "__getattr__" in item.summary.members
    if file is None or dynamic or is_patched(library, item, "forward"):
        return True
    return _SET_ELSEWHERE.search(file.text.text) is not None


def _without_forward(library: Library, found: ClassFound, path: Scalar) -> Diagnostic:
    file, line, word = library.file(found.location), found.summary.line, found.name
    step = own_member(found, "training_step")
    function = (
        library.function(found.location, step.pieces[-1])
        if isinstance(step, FunctionFound)
        else None
    )
    if function:
        line, word = function.line, function.name
    assert file is not None
    return Diagnostic(
        "R425",
        f"{path.value} lacks forward, which training calls",
        Label(python_span(file, line, word), "not called" if function else "no forward"),
        (Label(use_location(path), "trained here"),),
        (_ADVICE,),
    )
