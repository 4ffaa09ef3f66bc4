"""Values that a config watches, against those that a LightningModule logs.

Passes: ``[[val_loss, 3, min]]`` where a step has ``self.log("val_loss", loss)``.
Fails: ``[[val_los, 3, min]]`` there; no ``best_model_criterion``, which means ``valid/loss``, where
nothing of that name is logged.

Only what the code says plainly is compared: nothing where a name is computed, where the module is
handed to a function, or where a callback of the recipe may log more.  What only ``test_step`` logs
is not there while the module is trained.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.findings import unknown_value, value_finding
from espnet3_compiler.checks.training.empty_lists import why_no_validation
from espnet3_compiler.checks.training.monitors import (
    has_own_callbacks,
    likely_mode,
    monitored_values,
)
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.signature.classes import method_nodes
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.flow import FunctionNode, all_nodes
from espnet3_compiler.signature.library import Library
from espnet3_compiler.stage_graph.lightning_models import lightning_model, recipe_classes
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.span_key import first_per_location, is_written
from espnet3_compiler.syntax.tree import Entry, Scalar, node_at

_ENDINGS = ("_step", "_epoch")
"""What Lightning puts behind the name of a value that is logged by step and by epoch."""
_COUNTERS = ("epoch", "step")
_NOT_TRAINED = ("test_step", "predict_step", "on_test_", "on_predict_")
_LOADER = "/dataloader_idx_"


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R412 for values that the module does not log."""
    yield from first_per_location(
        found
        for stage in stages_of_kind("train", recipe)
        for found in _check_stage(stage, recipe, resolved)
    )


def _check_stage(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    config = certain_config(stage, "training", resolved)
    _, found = lightning_model(stage, recipe, resolved)
    if config is None or found is None or has_own_callbacks(config):
        return
    names = logged_names(recipe.library, found)
    for value in monitored_values(config) if names else ():
        node, text = value.monitor, str(value.monitor.value)
        if "${" in text or _is_logged(text, names or frozenset()):
            continue
        as_trained = f"train/{text.removeprefix('valid/')}"
        if not is_written(node) and why_no_validation(config) and as_trained in (names or ()):
            continue
        stopping = node_at(config, ("early_stopping", "monitor")) is node
        block = config.entry("early_stopping") if stopping else None
        yield _never_logged(stage, node, sorted(names or ()), block)


def _is_logged(text: str, names: frozenset[str]) -> bool:
    plain = text.partition(_LOADER)[0]
    forked = [plain.removesuffix(ending) for ending in _ENDINGS if plain.endswith(ending)]
    return text in _COUNTERS or text.startswith("lr-") or not names.isdisjoint([plain, *forked])


def _never_logged(
    stage: StageDecl, node: Scalar, names: list[str], stopping: Entry | None
) -> Diagnostic:
    """Return the finding about a value.

    Args:
        stage: The stage that trains.
        node: The name of the value.
        names: What the module logs.
        stopping: The block of early stopping, if that watches it.
    """
    listed = f"the module logs {', '.join(names)}"
    if is_written(node):
        near = closest_match(str(node.value), names)
        hints = (f"write one of {', '.join(names)}",)
        label, notes = "never logged", (listed,) if near else ()
        text = f'the module logs no "{node.value}"'
        return unknown_value("R412", text, node, names, label=label, hints=hints, notes=notes)
    best = max(names, key=lambda one: ("val" in one, "loss" in one))
    mode = likely_mode(best)
    does, write = "keeps the best by", f"best_model_criterion: [[{best}, 1, {mode}]]"
    if stopping:
        does, write = "stops by", f"early_stopping: {{monitor: {best}, mode: {mode}}}"
    return value_finding(
        "R412",
        f'stage "{stage.name.value}" {does} "{node.value}" unless told otherwise, and the module '
        "logs no such value",
        stopping.key if stopping and is_written(stopping.key) else stage.name,
        "never logged",
        advice=(
            f"write {write} in the {'block early_stopping' if stopping else 'training config'}",
        ),
        notes=(listed,),
    )


def logged_names(library: Library, found: ClassFound) -> frozenset[str] | None:
    """Return the names that a module logs; None where that is not plain."""
    nodes: list[FunctionNode] = []
    for one in recipe_classes(library, found) or ():
        file = library.file(one.location)
        nodes += [node for node, _ in method_nodes(file, one.summary)] if file else []
    logged = [_names_in(node) for node in _trained_methods(nodes)]
    names = frozenset().union(*(each or () for each in logged))
    return None if None in logged or not names else names


def _trained_methods(nodes: list[FunctionNode]) -> list[FunctionNode]:
    """Return the methods without those that only ``test`` and ``predict`` of a Trainer call."""
    items = [item for node in nodes for item in all_nodes(node) if isinstance(item, ast.Attribute)]
    used = {item.attr for item in items}
    return [one for one in nodes if one.name in used or not one.name.startswith(_NOT_TRAINED)]


def _names_in(node: FunctionNode) -> set[str] | None:
    """Return the names that a method logs; None where one is computed or the object goes out."""
    items = all_nodes(node)
    names: set[str] = set()
    plain: list[ast.expr] = []
    for item in items:
        match item:
            case ast.Call(
                func=ast.Attribute(attr="log") as called, args=[ast.Constant(value=str(name)), *_]
            ):
                names.add(name)
                plain.append(called)
            case ast.Call(
                func=ast.Attribute(attr="log_dict") as called, args=[ast.Dict(keys=keys), *_]
            ) if all(isinstance(key, ast.Constant) for key in keys):
                names |= {str(key.value) for key in keys if isinstance(key, ast.Constant)}
                plain.append(called)
    used = [item for item in items if isinstance(item, ast.Attribute) and _is_self(item.value)]
    computed = any(one.attr in ("log", "log_dict") and one not in plain for one in used)
    return None if computed or len(used) != sum(map(_is_self, items)) else names


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"
