"""The sample rate of a contract, beside those that the model and the data are made for.

Passes: ``sample_rate: 16000`` beside a model with ``sample_rate: 16000``; a recipe that resamples.
Fails: ``sample_rate: 16000`` beside a model with ``sample_rate: 8000``, or with a front
end that takes 8000 Hz unless told otherwise; beside data whose module has ``RATE = 8000``.
"""

import ast
import re
from collections.abc import Iterator, Sequence

from espnet3_compiler.checks.code.modules import RecipeModule, any_mentions, recipe_modules
from espnet3_compiler.checks.data.bodies import constructor_of, default_values, full_name_in
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.targets.datasets import data_modules
from espnet3_compiler.checks.training.no_effect import whole_number
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Span, line_span
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.signature.flow import all_nodes, dotted_name
from espnet3_compiler.signature.library import Library
from espnet3_compiler.stage_graph.stage_inputs import certain_config, model_of
from espnet3_compiler.syntax.provenance import is_fixable, use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Scalar, node_at, walk_scalars
from espnet3_schemas import TARGET

_LOWEST = 4000  # Hz: a smaller number is no rate of audio
RATE_ARGUMENT = "sample_rate"
RATE_ARGUMENTS = (RATE_ARGUMENT, "sampling_rate", "fs")
RESAMPLING = (b"resampl", b"Resampl", b"orig_freq", b"orig_sr", b"interp")
_CONSTANT = r"^(?:RATE|SAMPLE_RATE|SAMPLING_RATE|SR|FS)(?:: int)? *= *([1-9][0-9_]{3,6})\b"
"""A sample rate that a module keeps under a name."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R816."""
    of_data, others = split_modules(recipe, resolved)
    if not recipe.complete or any_mentions(others, RESAMPLING):
        return  # what data sets resample is not the audio that a contract takes
    found = []
    for stage in stages_of_kind("infer", recipe):
        config = certain_config(stage, "inference", resolved)
        declared = _declared_rate(config) if config else None
        model = model_of(stage, resolved)
        if declared is None or model is None:
            continue
        known = (
            rate_of_model(model)
            or rate_of_data(of_data, others, declared)
            or _usual_rate(model, (*of_data, *others), declared, recipe.library)
        )
        if known and known[0] != declared.value:
            found.append(rate_finding("takes audio", declared, *known))
    yield from first_per_location(found)


def split_modules(
    recipe: Recipe, resolved: Resolved
) -> tuple[list[RecipeModule], list[RecipeModule]]:
    """Return the modules of the data of a recipe, and the others."""
    packages = {str(name.value).partition(".")[0] for _, name in data_modules(recipe, resolved)}
    of_data: list[RecipeModule] = []
    others: list[RecipeModule] = []
    for module in recipe_modules(recipe, resolved):
        is_of_data = module.location.name.partition(".")[0] in packages
        (of_data if is_of_data else others).append(module)
    return of_data, others


def _declared_rate(config: Mapping) -> Scalar | None:
    """Return the sample rate of the only audio that a contract takes."""
    inputs = node_at(config, ("contract", "inputs"))
    fields = [entry.value for entry in inputs] if isinstance(inputs, Mapping) else []
    rates = [one.get(RATE_ARGUMENT) for one in fields if isinstance(one, Mapping)]
    given = [rate for rate in rates if isinstance(rate, Scalar) and isinstance(rate.value, int)]
    return given[0] if len(given) == 1 else None


def rate_of_model(model: Mapping) -> tuple[int, Span, str] | None:
    """Return the only sample rate among the arguments of a model, and where it is given."""
    leaves = [leaf for path, leaf in walk_scalars(model) if path and path[-1] in RATE_ARGUMENTS]
    rates = {_hertz(leaf) for leaf in leaves}
    rate = next(iter(rates), None)
    return (rate, use_location(leaves[0]), "the model") if rate and len(rates) == 1 else None


def _hertz(node: Scalar) -> int | None:
    """Return a sample rate, which ESPnet2 also writes as ``16k``."""
    match = re.fullmatch(r"(\d+)k", node.value) if isinstance(node.value, str) else None
    return int(match[1]) * 1000 if match else whole_number(node)


def rate_of_data(
    of_data: list[RecipeModule], others: list[RecipeModule], declared: Scalar
) -> tuple[int, Span, str] | None:
    """Return the rate that the module of the data keeps, unless code has the declared one, too.

    Args:
        of_data: The modules of the data.
        others: The other modules of the recipe.
        declared: The sample rate of the contract.
    """
    number = int(str(declared.value))
    if mentions_number((*of_data, *others), number) or any_mentions(of_data, RESAMPLING):
        return None
    found = [
        (int(match[1].replace("_", "")), _span_of(module, match), "the data")
        for module in of_data
        for match in re.finditer(_CONSTANT, module.file.source.text, re.MULTILINE)
    ]
    return found[0] if len({rate for rate, _, _ in found}) == 1 else None


def _usual_rate(
    model: Mapping, modules: Sequence[RecipeModule], declared: Scalar, library: Library
) -> tuple[int, Span, str] | None:
    """Return the rate that the classes of a model take where none is given.

    Args:
        model: The model.
        modules: The modules of the recipe; none has the declared rate.
        declared: The sample rate of the contract.
        library: Reads classes.
    """
    leaves = [(path[-1], leaf.value) for path, leaf in walk_scalars(model) if path]
    given = any(key in RATE_ARGUMENTS for key, _ in leaves)
    if given or mentions_number(modules, int(str(declared.value))):
        return None
    paths = [value for key, value in leaves if key == TARGET]
    found = [one for path in paths for one in _default_rates(str(path), library)]
    first = next(iter(found), None)
    alone = first and len({rate for rate, _ in found}) == 1
    return (*first, "the model") if first and alone else None


def _default_rates(path: str, library: Library, depth: int = 2) -> Iterator[tuple[int, Span]]:
    """Yield the default rates of a constructor, and of the objects that it makes without one.

    Args:
        path: The dotted path of a class.
        library: Reads it.
        depth: So many constructors in each other are followed.
    """
    found = constructor_of(library, path) if path and depth else None
    if found is None:
        return
    defaults = dict(default_values(found.body))
    own = [name for name in RATE_ARGUMENTS if name in defaults]
    for default in map(defaults.__getitem__, own):
        value = default.value if isinstance(default, ast.Constant) else None
        if isinstance(value, int) and value >= _LOWEST:
            yield value, found.body.span_in(default)
    made = [one for one in all_nodes(found.body.node) if isinstance(one, ast.Call)]
    for call in () if own else made:
        if not call.args and all(
            one.arg and one.arg not in RATE_ARGUMENTS for one in call.keywords
        ):
            inner = full_name_in(library, found.body, dotted_name(call.func) or "")
            yield from _default_rates(inner, library, depth - 1)


def mentions_number(modules: Sequence[RecipeModule], number: int) -> bool:
    """Return whether a module has a number, also as ``16_000``."""
    return any_mentions(modules, (str(number).encode(), f"{number:_}".encode()))


def _span_of(module: RecipeModule, match: re.Match[str]) -> Span:
    line = module.file.source.text.count("\n", 0, match.start()) + 1
    return line_span(module.file.source, line)


def rate_finding(said: str, declared: Scalar, rate: int, where: Span, what: str) -> Diagnostic:
    """Return R816.

    Args:
        said: What the contract does at its rate.
        declared: That rate.
        rate: The other rate.
        where: Where that is written.
        what: What has it.
    """
    fix = Fix(f"write {rate}", (Edit(declared.span, str(rate)),)) if is_fixable(declared) else None
    return value_finding(
        "R816",
        f"the contract {said} at {declared.value} Hz, and {what} has {rate} Hz",
        declared,
        "nothing resamples it",
        related=(Label(where, f"{rate} Hz"),),
        advice=(f"write sample_rate: {rate}",),
        fix=fix,
    )
