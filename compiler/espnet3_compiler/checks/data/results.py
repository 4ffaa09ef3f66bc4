"""Functions and methods of the recipe whose result is used, by what they return.

Passes: ``def __call__(self, ref, hyp): return {…}``.
Fails: a metric that ends with ``result = {…}``, or gives a list that has no number for each item
beside its numbers; ``def forward(self, x): self.net(x)``; a ``training_step`` that only logs its
loss; items of a ``Dataset`` that are tuples, a transform that gives None for some; ``features``
whose ``forward`` gives no lengths; a call that returns ``{"onnx": …}``, which its stage does not
declare.

A function that only raises, or has no body, may be meant to be replaced: it is not judged.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import (
    FunctionBody,
    first_entries,
    function_body,
    gives_nothing,
    method_body,
)
from espnet3_compiler.checks.data.certain_code import assigned_values, makes_mapping
from espnet3_compiler.checks.data.lost_items import lost_item
from espnet3_compiler.checks.data.single_tensors import is_single
from espnet3_compiler.checks.targets.datasets import entry_span
from espnet3_compiler.checks.targets.nodes import (
    TargetNode,
    config_keys,
    distinct_targets,
    find_targets,
    flag_value,
)
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import is_custom_kind, stage_kind
from espnet3_compiler.signature.flow import FunctionNode, literal_text, own_returns
from espnet3_compiler.signature.library import Library
from espnet3_compiler.stage_graph.lightning_models import lightning_model, recipe_classes
from espnet3_compiler.stage_graph.stage_inputs import outputs_of
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Path, Scalar
from espnet3_schemas import TARGET

MAPPING = "a mapping from field to value"
_OUTPUTS = "a mapping from output to path"
ITEMS = "a list with one mapping for each item"
_NO_MAPPINGS = (ast.Tuple, ast.List, ast.Constant, ast.JoinedStr, ast.ListComp, ast.Set)
_FEATURES = "features and their lengths"
_NUMBERS = "a number, or a mapping from name to number"
_WRONG_KINDS: dict[str, tuple[type[ast.expr], ...]] = {
    MAPPING: _NO_MAPPINGS,
    _OUTPUTS: _NO_MAPPINGS,
    ITEMS: (ast.Dict, ast.Constant, ast.JoinedStr, ast.DictComp),
    _NUMBERS: (ast.Tuple, ast.List, ast.JoinedStr),
    _FEATURES: (ast.Dict, ast.Constant, ast.DictComp),
}
"""What a result is used as, and expressions that are something else."""

_PAIR = 2
_NO_NUMBERS = (ast.List, ast.Tuple, ast.Dict, ast.DictComp)
"""What has no number for each item: a list that is written out has a few, whatever there is."""

_STEP, _OWN_STEPS = "training_step", "automatic_optimization"
"""The method that returns the loss, and the attribute of modules that make their own steps."""

_PLAIN_RESULTS = ("str", "int", "float", "round", "bool", "len", "list", "tuple")
"""Functions of Python whose results are no mappings."""

_TEXTS = {"str": "a text", "list[str]": "a list of texts", "List[str]": "a list of texts"}
"""Annotations of results that are no mappings."""

_ARTICLES: dict[type[ast.expr] | type[None], str] = {
    ast.Tuple: "a tuple",
    ast.List: "a list",
    ast.ListComp: "a list",
    ast.Set: "a set",
    ast.Dict: "a mapping",
    ast.DictComp: "a mapping",
    ast.Constant: "a plain value",
    ast.JoinedStr: "a text",
}

_CALLED = {
    ("metrics", "metric"): ("__call__", _NUMBERS),
    ("runner",): ("__call__", ITEMS),
    ("dataset", "transform"): ("__call__", MAPPING),
    ("dataset", "preprocessor"): ("__call__", MAPPING),
    ("dataloader", "collate_fn"): ("__call__", ""),
    ("collect_stats", "features"): ("forward", _FEATURES),
    ("cluster", "features"): ("forward", _FEATURES),
}
"""Keys of objects that are called, with the method and what its result is used as."""

_DATA_METHODS = {
    "Dataset": {"__len__": "", "__getitem__": MAPPING},
    "DatasetBuilder": {"is_source_prepared": "", "is_built": ""},
}


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R404, R426 and R428, once for each function."""
    library = recipe.library
    stages = [stage for stage in recipe.stages if not is_custom_kind(stage, recipe)]
    used = used_targets(recipe, resolved)
    found = [one for node in used for one in _check_target(library, node)]
    for kind in dict.fromkeys(filter(None, map(stage_kind, recipe.stages))):
        shown = f"{recipe.system.class_path}.{kind}"
        body = method_body(library, recipe.system.class_path, kind)
        found += _check_body(body, shown, _OUTPUTS, recipe.system.name.span) if body else ()
    for stage in stages:
        name = "DatasetBuilder" if stage_kind(stage) == "create_dataset" else "Dataset"
        for data in first_entries([stage], recipe, resolved):
            for method, wanted in _DATA_METHODS[name].items():
                shown = f"{data.module}.{name}.{method}"
                body = method_body(data.library, f"{data.module}.{name}", method)
                found += _check_body(body, shown, wanted, entry_span(data)) if body else ()
        found += _check_outputs(stage, recipe)
        found += _check_step(stage, recipe, resolved)
    yield from first_per_location(found)


def used_targets(recipe: Recipe, resolved: Resolved) -> list[TargetNode]:
    """Return the targets of a recipe that its stages read, each class once at a key."""
    if "used targets" not in resolved.memo:  # two checks ask for them
        resolved.memo["used targets"] = _find_used(recipe, resolved)
    found: list[TargetNode] = resolved.memo["used targets"]
    return found


def _find_used(recipe: Recipe, resolved: Resolved) -> list[TargetNode]:
    stages = [stage for stage in recipe.stages if not is_custom_kind(stage, recipe)]
    read = {binding.config for stage in stages for binding in stage.configs}
    every = find_targets(recipe, resolved)
    return distinct_targets(
        node for node in every if node.path[0] != "configs" or node.path[1] in read
    )


def _check_outputs(stage: StageDecl, recipe: Recipe) -> Iterator[Diagnostic]:
    """Report outputs that the function of a stage always returns and that are not declared."""
    declared = outputs_of(stage, recipe) if stage.call else None
    body = function_body(recipe.library, str(stage.call.value)) if stage.call else None
    given = own_returns(body.node) if body else []
    keys = [_literal_keys(item.value) for item in given]
    for name in sorted(set.intersection(*keys) if keys else ()):
        if body and declared and stage.outputs and name not in declared:
            yield Diagnostic(
                "R404",
                f'"{body.node.name}" returns the output "{name}", which stage '
                f'"{stage.name.value}" does not declare',
                Label(stage.outputs.span, f"no {name} among them"),
                (Label(body.span_of(given[0], "return"), "returned here"),),
                (f"declare {name}: and its path, or do not return it",),
            )


def _check_step(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Report a LightningModule that returns no loss, of which its own optimization would learn."""
    if stage_kind(stage) != "train":
        return
    path, model = lightning_model(stage, recipe, resolved)
    classes = recipe_classes(recipe.library, model) if model else None
    files = [recipe.library.file(one.location) for one in classes or ()]
    body = method_body(recipe.library, str(path.value), _STEP) if path and classes else None
    if body and path and not any(_OWN_STEPS in file.text.text for file in files if file):
        yield from _check_body(body, f"{path.value}.{_STEP}", "", use_location(path))


def _literal_keys(node: ast.expr | None) -> set[str]:
    """Return the keys of a mapping that is written out."""
    keys = node.keys if isinstance(node, ast.Dict) else ()
    return {text for key in keys if (text := literal_text(key)) is not None}


def _check_target(library: Library, target: TargetNode) -> Iterator[Diagnostic]:
    path = target.node.get(TARGET)
    if not isinstance(path, Scalar) or not isinstance(path.value, str) or not target.judged:
        return
    method, wanted = method_used(target.path)
    body = method_body(library, path.value, method) if method else None
    name = f"{path.value}.{method}"
    if body is None:
        name, partial = path.value, flag_value(target.node, "_partial_") is True
        used = not partial or (bool(method) and target.slot.called)
        body = function_body(library, path.value) if used and _is_object(target.path) else None
        wanted = wanted if partial else ""
    if body:
        yield from _check_body(body, name, wanted, use_location(path))


def _check_body(body: FunctionBody, name: str, wanted: str, used: Span) -> Iterator[Diagnostic]:
    """Report a function that returns nothing, or plainly something else than is wanted."""
    related = (Label(used, "used here"),)
    if gives_nothing(body.node):
        yield Diagnostic(
            "R426",
            f"{name} returns nothing, and its result is used",
            Label(body.span_of(body.node, f"def {body.node.name}"), "no return"),
            related,
            ("end it with return and the result",),
        )
    lost = lost_item(body.node) if wanted == MAPPING else None
    if lost:
        yield _lost_item(body, lost, name, related)
    given = [item for item in own_returns(body.node) if item.value is not None]
    for key in _lists_among(body, given) if wanted == _NUMBERS else ():
        yield Diagnostic(
            "R428",
            f"{name} must return {wanted}, and the value of {ast.unparse(key)} is none",
            Label(body.span_in(key), "a list or mapping"),
            related,
            ("give each number a name of its own; a list has one for each item",),
        )
    wrong = [item for item in given if is_wrong(body.node, item.value, wanted)]
    texts = annotated_texts(body.node) if wanted == ITEMS else ""
    if given and (texts or len(wrong) == len(given)):
        yield Diagnostic(
            "R428",
            f"{name} must return {wanted}, not {texts or _article(given[0].value, wanted)}",
            Label(body.span_of(given[0], "return"), "of another kind"),
            related,
            (f"return {wanted}",),
        )


def _lost_item(
    body: FunctionBody, lost: ast.stmt, name: str, related: tuple[Label, ...]
) -> Diagnostic:
    """Return R428 at the statement that gives None for some items.

    Args:
        body: The function.
        lost: The statement.
        name: The dotted path of the function.
        related: What uses the function.
    """
    word = "return" if isinstance(lost, ast.Return) else "if"
    of_data = body.node.name == "__getitem__"
    where = "in its __init__, so that __len__ counts the others" if of_data else "in the Dataset"
    return Diagnostic(
        "R428",
        f"{name} returns None for some items, and must return {MAPPING}",
        Label(body.span_of(lost, word), "no item" if word == "return" else "no item otherwise"),
        related,
        (f"leave items out {where}, not here",),
    )


def _lists_among(body: FunctionBody, given: list[ast.Return]) -> Iterator[ast.expr]:
    """Yield the keys of mappings that are returned under which there is no number for each item."""
    dicts = [item.value for item in given if isinstance(item.value, ast.Dict)]
    for key, value in (pair for one in dicts for pair in zip(one.keys, one.values, strict=True)):
        made = assigned_values(body.node, value.id) if isinstance(value, ast.Name) else [value]
        if key and made and all(_is_no_number(one) for one in made):
            yield key


def _is_no_number(value: ast.expr) -> bool:
    """Return whether a value is a mapping, or a list of other things than one of each item."""
    if not isinstance(value, ast.ListComp):
        return isinstance(value, _NO_NUMBERS)
    loops = [one for loop in value.generators for one in ast.walk(loop.iter)]
    is_set = any(isinstance(one, ast.Name) and one.id in ("set", "Counter") for one in loops)
    return is_set or any(loop.ifs for loop in value.generators)


def is_wrong(node: FunctionNode, value: ast.expr | None, wanted: str) -> bool:
    """Return whether what a function returns is plainly something else than is wanted.

    Args:
        node: The function.
        value: What it returns.
        wanted: What the result is used as.
    """
    if wanted == _FEATURES and isinstance(value, ast.Tuple):
        plain = not any(isinstance(one, ast.Starred) for one in value.elts)
        return plain and len(value.elts) != _PAIR
    if wanted == _FEATURES and value is not None and is_single(node, value):
        return True
    if wanted == ITEMS and isinstance(value, ast.ListComp):
        return _is_plain_value(value.elt)
    return isinstance(value, _WRONG_KINDS.get(wanted, ()))


def annotated_texts(node: FunctionNode) -> str:
    """Return what a function gives where its annotation says texts and it makes no mapping."""
    said = _TEXTS.get(ast.unparse(node.returns), "") if node.returns else ""
    return said if not makes_mapping(node) else ""


def _is_plain_value(value: ast.expr) -> bool:
    match value:
        case ast.Constant() | ast.JoinedStr() | ast.List() | ast.Tuple():
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in _PLAIN_RESULTS
    return False


def _article(value: ast.expr | None, wanted: str) -> str:
    if isinstance(value, ast.ListComp) and _is_plain_value(value.elt):
        return "a list of plain values"
    if isinstance(value, ast.Tuple) and wanted == _FEATURES:
        return f"{len(value.elts)} values"
    return _ARTICLES.get(type(value), "one tensor")


def method_used(path: Path) -> tuple[str, str]:
    """Return the method of an object at a path whose result is used, and as what."""
    if path[:1] == ("models",):
        return ("forward", "") if len(path) == len(("models", "NAME")) else ("", "")
    return _CALLED.get(config_keys(path), ("", ""))


def _is_object(path: Path) -> bool:
    """Return whether what a target gives is used; a writer writes, a stage may do anything."""
    return path[:1] != ("stages",) and path[-1] != "writer"
