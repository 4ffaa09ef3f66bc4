"""Bundles of a recipe that its later stages run, and the files of its demo.

Passes: ``model: {trust_user_code: true}`` for a bundle that runs ``src.decode.Decode``; a bundle of
layers of torch alone; ``pack: {include: [examples]}``.
Fails: ``model: {}`` for the first; ``{_target_: …InferenceModel.from_packed, directory:
"${stages.pack_model.bundle}"}`` in ``infer``, without ``trust_user_code``; ``pack: {include:
[README.md]}``, which ``pack_demo`` writes.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.paths.globs import select_files
from espnet3_compiler.checks.publication.bundles import packed_targets, texts_of
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.stage_inputs import certain_config, output_uses
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, is_written
from espnet3_compiler.syntax.tree import Mapping, Scalar, Sequence, node_at
from espnet3_schemas import TARGET
from espnet3_schemas.bundles import DEMO_BUNDLE, DEMO_FILES, LAYERS, TRUSTED_TARGETS

_FROM_PACKED = "espnet3_runtime.publication.model.InferenceModel.from_packed"
"""Loads the model of a bundle."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R433 for code that a demo may not run, R202 for files that it writes itself."""
    foreign = _foreign_target(recipe, resolved) if recipe.complete else None
    found: list[Diagnostic] = []
    for stage in stages_of_kind("pack_demo", recipe):
        if demo := certain_config(stage, "demo", resolved):
            found += _check_trust(stage, demo, foreign[1]) if foreign else ()
            found += _check_files(demo, recipe)
    for stage in stages_of_kind("infer", recipe) if foreign else ():
        config = certain_config(stage, "inference", resolved)
        model = config.get("model") if config else None
        if foreign and isinstance(model, Mapping):
            found += _check_model(*foreign, model)
    yield from first_per_location(found)


def _foreign_target(recipe: Recipe, resolved: Resolved) -> tuple[StageDecl, Scalar] | None:
    """Return the only stage that packs, and the first target that its bundle runs with trust."""
    packs = list(stages_of_kind("pack_model", recipe))
    inference = certain_config(packs[0], "inference", resolved) if len(packs) == 1 else None
    for target, of_model in packed_targets(packs[0], inference, resolved) if inference else ():
        path = str(target.value)
        layer = of_model and path.startswith(LAYERS)
        if "${" not in path and path not in TRUSTED_TARGETS and not layer:
            return packs[0], target
    return None


def _check_trust(stage: StageDecl, demo: Mapping, foreign: Scalar) -> Iterator[Diagnostic]:
    trust = node_at(demo, ("model", "trust_user_code"))
    if not isinstance(trust, Scalar) or trust.value is not False:
        return
    written = is_written(trust)
    yield value_finding(
        "R433",
        f'the demo of stage "{stage.name.value}" may not run {foreign.value}, which its bundle '
        "wants to run",
        trust if written else stage.name,
        "not trusted" if written else "trust_user_code is false by default",
        related=(Label(use_location(foreign), "runs in the bundle"),),
        advice=("read that code; to let the demo run it, write model: {trust_user_code: true}",),
    )


def _check_model(pack: StageDecl, foreign: Scalar, model: Mapping) -> Iterator[Diagnostic]:
    """Report the bundle of a recipe as a model without trust in its code.

    Args:
        pack: The stage that packs it.
        foreign: What of the bundle needs trust.
        model: The model of an inference config.
    """
    target, directory, trust = (model.get(k) for k in (TARGET, "directory", "trust_user_code"))
    if not isinstance(target, Scalar) or target.value != _FROM_PACKED:
        return
    used = output_uses(directory) if isinstance(directory, Scalar) else ()
    trusted = trust is not None and not (isinstance(trust, Scalar) and trust.value is False)
    if not trusted and any(name == pack.name.value for name, _, _ in used):
        yield value_finding(
            "R433",
            f"the bundle may not run {foreign.value}, which it wants to run",
            trust if isinstance(trust, Scalar) else target,
            "not trusted" if trust else "trust_user_code is false by default",
            related=(Label(use_location(foreign), "runs in the bundle"),),
            advice=("write trust_user_code: true beside directory",),
        )


def _check_files(demo: Mapping, recipe: Recipe) -> Iterator[Diagnostic]:
    """Report globs that take files to places where ``pack_demo`` writes its own."""
    include = node_at(demo, ("pack", "include"))
    exclude = texts_of(node_at(demo, ("pack", "exclude")))
    items = include.items if isinstance(include, Sequence) else ()
    for item in items if exclude is not None else ():
        if not isinstance(item, Scalar) or not isinstance(item.value, str) or "${" in item.value:
            continue
        names = select_files(recipe.directory, (item.value,), exclude or (), ending="")
        own = [n for n in names or () if n in DEMO_FILES or n.startswith(f"{DEMO_BUNDLE}/")]
        if own:
            yield value_finding(
                "R202",
                f'"{min(own)}" is written by pack_demo itself',
                item,
                "taken",
                advice=("take it out of include, or name it in exclude",),
            )
