"""Stages that publish: where they upload to, and the code that a bundle needs.

Passes: ``upload_model: {hf_repo: me/model}`` with a stage ``upload_model``; ``include: [src]`` for
a model in ``src``.
Fails: the stage without the block; ``{hf_repo: me/demo, organization: us}``; ``include: [dataset]``
where the model is in ``src``.
"""

import sys
from collections.abc import Iterator
from pathlib import PurePosixPath

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.paths.globs import select_files, takes_everything
from espnet3_compiler.checks.paths.imported_files import imported_files
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import as_text
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import find_top
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, is_written
from espnet3_compiler.syntax.tree import (
    Mapping,
    Node,
    Scalar,
    Sequence,
    is_null,
    node_at,
    walk_scalars,
)
from espnet3_compiler.syntax.unknown_name import format_names
from espnet3_schemas import TARGET, load
from espnet3_schemas.bundles import LAYERS

_UPLOADS = {"upload_model": ("publication", "<owner>/<model>"), "upload_demo": ("demo", "<demo>")}
_LEFT_OUT = ("output_artifacts", "parallel", "dataset")
"""Keys of the inference config whose code does not go into a bundle."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R419 and R607 for destinations, R202 and R420 for the code of a bundle."""
    for kind, (role, example) in _UPLOADS.items():
        for stage in stages_of_kind(kind, recipe):
            config = certain_config(stage, role, resolved)
            node = config.get(kind) if config else None
            if config and is_null(node):
                yield _no_destination(stage, kind, example, node)
            if config and kind == "upload_demo":
                yield from _check_owner(config)
    yield from first_per_location(_check_bundles(recipe, resolved))


def _no_destination(stage: StageDecl, kind: str, example: str, node: Node | None) -> Diagnostic:
    config = next(binding.config for binding in stage.configs)
    span = stage.name.span
    if node is not None and is_written(node):
        span = use_location(node)
    return Diagnostic(
        "R419",
        f'stage "{stage.name.value}" has no destination: config "{config}" has no {kind}',
        Label(span, "where to?"),
        help=(f"write {kind}: {{hf_repo: {example}}} in that config, or remove the stage",),
    )


def _check_owner(demo: Mapping) -> Iterator[Diagnostic]:
    """Report a repository that is told to belong to somebody else."""
    repo, owner = (
        as_text(node_at(demo, ("upload_demo", key))) for key in ("hf_repo", "organization")
    )
    if repo is None or owner is None or is_unresolved(repo) or is_unresolved(owner):
        return
    named, slash, _ = str(repo.value).partition("/")
    if slash and named != owner.value:
        yield value_finding(
            "R607",
            f'"{repo.value}" does not belong to "{owner.value}"',
            owner,
            f"hf_repo says {named}",
            related=(Label(use_location(repo), "the repository"),),
            advice=("remove organization, or the owner before the / of hf_repo",),
        )


def _check_bundles(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Report modules of the recipe that a bundle runs and does not hold."""
    for stage in stages_of_kind("pack_model", recipe):
        publication = certain_config(stage, "publication", resolved)
        inference = certain_config(stage, "inference", resolved)
        if publication is None or inference is None or not recipe.complete:
            continue
        include, exclude = (
            texts_of(node_at(publication, ("pack_model", name))) for name in ("include", "exclude")
        )
        if include is None or exclude is None:
            continue
        everything = list(_check_whole_recipe(publication))
        yield from everything
        if everything:
            continue
        packed = select_files(recipe.directory, include, exclude)
        if packed is None:
            continue
        targets = list(packed_targets(stage, inference, resolved))
        if any(not str(target.value).startswith(LAYERS) for target, _ in targets):
            yield from _check_module_names(recipe.library, stage, publication, packed)
        for target, _ in targets:
            needed = imported_files(recipe.library, str(target.value))
            lacking = [name for name in needed if name not in packed]
            if lacking:
                yield _not_packed(stage, publication, target, lacking)
                break


def _check_module_names(
    library: Library, stage: StageDecl, publication: Mapping, packed: set[str]
) -> Iterator[Diagnostic]:
    """Report modules that a bundle cannot bring along, as others import that name.

    Args:
        library: Finds the installed packages.
        stage: The stage pack_model.
        publication: Its config.
        packed: The packed files.
    """
    files = (name.partition("/")[0] for name in packed if name.endswith(".py"))
    tops = {name.partition(".")[0] for name in files}
    include = node_at(publication, ("pack_model", "include"))
    for name in sorted(tops - {"src"}):
        if owner := _owner(library, name):
            yield value_finding(
                "R202",
                f'"{name}" cannot be a module of a bundle: it is a name of {owner}',
                include if include and is_written(include) else stage.name,
                "taken",
                advice=(f'rename "{name}", put it into a package such as src, or exclude it',),
            )


def _owner(library: Library, name: str) -> str | None:
    """Return whose module a top-level name is, outside the recipe; None where nobody has it."""
    if name in sys.stdlib_module_names:
        return "Python's standard library"
    installed = tuple(root for root in library.path.roots if root.endswith("-packages"))
    others = library.path.with_roots(installed)
    return f'the installed package "{name}"' if find_top(others, name) else None


def _check_whole_recipe(publication: Mapping) -> Iterator[Diagnostic]:
    """Report globs that take the build, the results and the data along."""
    include, exclude = (node_at(publication, ("pack_model", key)) for key in ("include", "exclude"))
    if exclude and is_written(exclude):
        return
    for item in include.items if isinstance(include, Sequence) else ():
        text = as_text(item)
        if text is not None and takes_everything(str(text.value)):
            yield value_finding(
                "R420",
                f'"{text.value}" would pack the whole recipe: its build, its results and its data',
                text,
                "name what the model needs",
                advice=("write the folders of its code: include: [src, dataset]",),
            )


def packed_targets(
    stage: StageDecl, inference: Mapping, resolved: Resolved
) -> Iterator[tuple[Scalar, bool]]:
    """Yield the targets that a bundle builds, and whether each is part of its model.

    Args:
        stage: The stage pack_model.
        inference: Its inference config.
        resolved: The values of the recipe.
    """
    own = inference.get("model")
    given = not is_null(own)
    model = None if given or not stage.model else resolved.models.get(str(stage.model.value))
    preprocessor = node_at(inference, ("dataset", "preprocessor"))
    if isinstance(preprocessor, Mapping) and preprocessor.entry(TARGET) is None:
        preprocessor = preprocessor.get("test")
    roots = [
        (entry.value, entry.name == "model") for entry in inference if entry.name not in _LEFT_OUT
    ]
    for root, is_model in (*roots, (model, True), (preprocessor, False)):
        for path, leaf in walk_scalars(root) if root else ():
            if path and path[-1] == TARGET and isinstance(leaf.value, str):
                yield leaf, is_model


def texts_of(node: Node | None) -> tuple[str, ...] | None:
    """Return the texts of a list; None where one of them is not known."""
    if not isinstance(node, Sequence):
        return None
    texts = [one.value if isinstance(one, Scalar) else None for one in node.items]
    known = [text for text in texts if isinstance(text, str) and "${" not in text]
    return tuple(known) if len(known) == len(texts) else None


def _not_packed(
    stage: StageDecl, publication: Mapping, target: Scalar, lacking: list[str]
) -> Diagnostic:
    include = node_at(publication, ("pack_model", "include"))
    assert include is not None
    folder = PurePosixPath(lacking[0]).parts[0]
    node = include if is_written(include) else stage.name
    default = load("publication")["properties"]["pack_model"]["properties"]["include"]["default"]
    return value_finding(
        "R420",
        f'the bundle of stage "{stage.name.value}" would lack {format_names(lacking)}, which '
        f"{target.value} needs",
        node,
        f'add "{folder}"' if is_written(include) else f"include is {', '.join(default)} by default",
        related=(Label(use_location(target), "runs in the bundle"),),
        advice=(f"write pack_model: {{include: […, {folder}]}}, or take it out of exclude",),
    )
