"""The kinds of the fields that a ``Dataset`` declares in its class body.

Passes: ``fields = {"speech": "audio", "text": {"kind": "text"}}``.
Fails: ``fields = {"speech": "wave"}``; ``fields = {"speech": {"sample_rate": 16000}}``.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import dataset_class, first_entries
from espnet3_compiler.checks.targets.datasets import DatasetEntry, entry_span
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stage_kind
from espnet3_compiler.schema.descent import child_schema
from espnet3_compiler.signature.library import ModuleFile
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.unknown_name import did_you_mean, format_names
from espnet3_schemas import load

_FIELDS = "fields"
_KIND = "kind"


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R604 for kinds that do not exist, R603 for fields without one."""
    stages = [one for one in recipe.stages if stage_kind(one) != "create_dataset"]
    entries = first_entries(stages, recipe, resolved)
    yield from first_per_location(found for data in entries for found in _check_data(data))


def _check_data(data: DatasetEntry) -> Iterator[Diagnostic]:
    found = dataset_class(data)
    file = data.library.file(found.location) if found and found.location.local else None
    if found is None or file is None or len(found.summary.members.get(_FIELDS, ())) != 1:
        return
    if f"self.{_FIELDS} =" in file.text.text or f".{_FIELDS}[" in file.text.text:
        return
    related = (Label(entry_span(data), "these data"),)
    for key, value in _declared_fields(file, found.name):
        field, kind = str(key.value), _kind_of(value)
        if isinstance(kind, ast.Constant) and kind.value not in _kinds():
            yield _unknown_kind(file, field, kind, related)
        elif kind is None:
            yield Diagnostic(
                "R603",
                f'the field "{field}" of the Dataset has no "{_KIND}"',
                Label(file.expression_span(key), "of which kind?"),
                related,
                (f"write {_KIND}: one of {format_names(_kinds())}",),
            )


def _kinds() -> list[str]:
    """Return the kinds of fields, which are those of a contract."""
    schema = load("inference")
    for name in ("contract", "inputs", "FIELD", _KIND):
        schema = child_schema(schema, name) or {}
    return list(schema["enum"])


def _declared_fields(file: ModuleFile, name: str) -> Iterator[tuple[ast.Constant, ast.expr]]:
    """Yield the names and values of the literal mapping that a class body declares."""
    tops = [one for one in ast.parse(file.text.text).body if isinstance(one, ast.ClassDef)]
    for node in (one for top in tops if top.name == name for one in top.body):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        named = any(isinstance(one, ast.Name) and one.id == _FIELDS for one in targets)
        if named and isinstance(value, ast.Dict):
            for key, item in zip(value.keys, value.values, strict=True):
                if isinstance(key, ast.Constant):
                    yield key, item


def _kind_of(value: ast.expr) -> ast.expr | None:
    """Return the kind of a field: its value, or what its mapping says; None for one without."""
    if not isinstance(value, ast.Dict):
        return value
    keys = [key.value if isinstance(key, ast.Constant) else "" for key in value.keys]
    if _KIND in keys:
        return value.values[keys.index(_KIND)]
    return value if "" in keys else None


def _unknown_kind(
    file: ModuleFile, field: str, kind: ast.Constant, related: tuple[Label, ...]
) -> Diagnostic:
    given = str(kind.value)
    near = closest_match(given, _kinds())
    return Diagnostic(
        "R604",
        f'the Dataset declares "{field}" as "{given}", which is no kind',
        Label(file.expression_span(kind), f"not in ({format_names(_kinds())})"),
        related,
        did_you_mean(near, f"write one of {format_names(_kinds())}"),
    )
