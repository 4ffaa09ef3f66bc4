"""Modules of PyTorch whose constructor forgets that of ``nn.Module``.

Passes: ``super().__init__()``, ``nn.Module.__init__(self)``, no constructor of its own.
Fails: ``self.frontend = frontend`` in an ``__init__`` that calls no other one.
"""

from collections.abc import Iterator, Sequence

from espnet3_compiler.checks.code.modules import RecipeModule
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import line_span
from espnet3_compiler.signature.classes import is_torch_module
from espnet3_compiler.signature.definitions import (
    DATACLASS,
    ClassFound,
    MroClass,
    own_method,
)
from espnet3_compiler.signature.resolve_name import resolution_order
from espnet3_compiler.syntax.provenance import use_location


def check_constructors(modules: Sequence[RecipeModule]) -> Iterator[Diagnostic]:
    """Yield R516, once for each class."""
    for module in modules:
        for found, _ in module.classes:
            yield from _check_class(module, found)


def _check_class(module: RecipeModule, found: ClassFound) -> Iterator[Diagnostic]:
    own = own_method(module.library, found, "__init__") if found.summary.bases else None
    if own is None or not own.alone or own.decorators:
        return
    order = resolution_order(module.library, found)
    generated = any(item.name in (DATACLASS, "dataclass") for item in found.summary.decorators)
    if generated or not any(map(is_torch_module, order)) or any(map(_calls_itself, order)):
        return
    yield Diagnostic(
        "R516",
        f'"{found.location.name}.{found.name}" sets attributes before nn.Module is initialized',
        Label(line_span(module.file.source, own.alone), "fails here"),
        (Label(use_location(module.name), "imported for this"),),
        help=("write super().__init__() as the first line of __init__",),
    )


def _calls_itself(item: MroClass) -> bool:
    """Return whether a class lets ``nn.Module`` initialize itself in another way."""
    if not isinstance(item, ClassFound) or is_torch_module(item):
        return False
    return any(
        name in item.summary.members for name in ("call_super_init", "__new__", "__setattr__")
    )
