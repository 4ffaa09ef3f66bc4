"""``_partial_`` where the object itself is used, and a class where its calls should answer.

Passes: ``runner: {_target_: src.decode.greedy, beam: 2, _partial_: true}``, which is called later.
Fails: ``optimizer: {_target_: torch.optim.Adam, lr: 1e-3, _partial_: true}``, a habit of Hydra;
``transform: {_target_: torch.nn.Identity, _partial_: true}``, whose call makes another object.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.targets.nodes import TargetNode, find_targets, flag_value
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.signature import classes, resolve_name
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.provenance import is_fixable
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Path, Scalar
from espnet3_schemas import TARGET

_FLAG = "_partial_"
_FUNCTIONS = ("metric", "provider", "writer", "loader", "sampler", "text_builder")
"""Keys whose functions the runtime calls itself."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R427."""
    targets = [one for one in find_targets(recipe, resolved) if _is_partial(one)]
    yield from first_per_location(
        found for target in targets for found in _check_target(recipe.library, target)
    )


def _is_partial(target: TargetNode) -> bool:
    return target.judged and flag_value(target.node, _FLAG) is True


def _check_target(library: Library, target: TargetNode) -> Iterator[Diagnostic]:
    flag, path = target.node.get(_FLAG), target.node.get(TARGET)
    if not isinstance(flag, Scalar) or not isinstance(path, Scalar):
        return
    what = _object_wanted(target)
    if what:
        fix = Fix("build the object", (Edit(flag.span, "false"),)) if is_fixable(flag) else None
        yield value_finding(
            "R427",
            f"{what} is {path.value} itself, and _partial_ gives a function that makes one",
            flag,
            "not built",
            advice=(f"remove {_FLAG}: true",),
            fix=fix,
        )
    elif _is_called(target) and _makes_objects(library, str(path.value)):
        yield value_finding(
            "R427",
            f"a call of {path.value} with _partial_ makes another {_class_name(path)}, no result",
            path,
            "expected a function, or an object that is called",
            advice=(f"remove {_FLAG}: true, so that the object is built once and called",),
        )


def _object_wanted(target: TargetNode) -> str | None:
    """Return the place of a target that is built before the training, as a report names it."""
    path, key = target.path, _key_of(target.path)
    if path[:1] == ("models",):
        return f'model "{path[1]}"' if len(path) == len(("models", "NAME")) else None
    known = target.slot.named and not target.slot.called and key not in _FUNCTIONS
    return f'"{key}"' if known and path[:1] == ("configs",) else None


def _is_called(target: TargetNode) -> bool:
    return target.slot.called or _key_of(target.path) == "metric"


def _key_of(path: Path) -> str:
    names = [step for step in path if isinstance(step, str)]
    return names[-1]


def _class_name(path: Scalar) -> str:
    return str(path.value).rpartition(".")[2]


def _makes_objects(library: Library, path: str) -> bool:
    """Return whether a path is a class whose calls make its objects, which are no mappings."""
    found = resolve_name.find_definition(library, path) if all(path.split(".")) else None
    if not isinstance(found, ClassFound) or found.summary.metaclass:
        return False
    order = resolve_name.resolution_order(library, found)
    names = {one.name for one in order if isinstance(one, ClassFound)}
    plain = all(isinstance(one, ClassFound) for one in order) and "Mapping" not in names
    return plain and classes.find_method(library, order, "__new__") is None
