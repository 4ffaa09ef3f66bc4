"""The classes that make and read a recipe's data, and the methods that the runtime calls.

Passes: a ``Dataset`` with ``__len__`` and ``__getitem__``, own or inherited.
Fails: a ``Dataset`` without ``__len__``; a ``DatasetBuilder`` with ``is_source_ready``; the stage
``create_dataset`` where no module has a ``DatasetBuilder``.
"""

from collections.abc import Iterable, Iterator, Sequence

from espnet3_compiler.checks.data.bodies import class_of, entries_of, first_entries
from espnet3_compiler.checks.data.streams import is_sharded, is_stream
from espnet3_compiler.checks.targets.datasets import DatasetEntry, entry_span, is_available
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stage_kind, stages_of_kind
from espnet3_compiler.signature import classes, definitions, resolve_name
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.result import Missing
from espnet3_compiler.syntax.unknown_name import format_names

_METHODS = {
    "Dataset": ("__len__", "__getitem__"),
    "DatasetBuilder": ("is_source_prepared", "prepare_source", "is_built", "build"),
}


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R425 for methods that a class lacks, R811 where there is nothing to prepare."""
    first: dict[str, Diagnostic] = {}
    for stage in recipe.stages:
        name = "DatasetBuilder" if stage_kind(stage) == "create_dataset" else "Dataset"
        for data in first_entries([stage], recipe, resolved):
            for found in _check_class(data, name):
                first.setdefault(found.message, found)
    yield from first.values()
    yield from _check_sources(recipe, resolved)
    for stage in stages_of_kind("create_dataset", recipe):
        if recipe.complete and not recipe.system.own:
            yield from _check_builders(stage, recipe, resolved)


def _check_sources(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Report entries without ``data_src`` beside others that have one, where no package is read."""
    entries = [data for stage in recipe.stages for data in entries_of(stage, recipe, resolved)]
    named = [str(data.source.value) for data in entries if data.source]
    lacking = [data for data in entries if data.source is None and not is_available(data)]
    if named and lacking and recipe.complete:
        yield Diagnostic(
            "R501",
            'an entry without data_src reads the package "dataset", which the recipe does not have',
            Label(entry_span(lacking[0]), "of which data?"),
            help=(f"write data_src: {named[0]}, as elsewhere; a list replaces that of its base",),
        )


def _check_class(data: DatasetEntry, name: str) -> Iterator[Diagnostic]:
    path = f"{data.module}.{name}"
    found = known_class(data.library, path)
    if found is None:
        return
    if name == "Dataset" and (is_stream(data.library, found) or is_sharded(data.library, found)):
        return
    known = classes.attributes_of(data.library, found)
    missing = missing_methods(data.library, found, _METHODS[name])
    if missing:
        others = [one for one in known if one[:1] != "_" and one not in _METHODS[name]]
        related = (Label(entry_span(data), "these data"),)
        yield incomplete_class(data.library, found, missing, others, related)


def known_class(library: Library, path: str, *, foreign: bool = False) -> ClassFound | None:
    """Return a class of the recipe of which all methods are seen; None where there may be more.

    Args:
        library: Reads modules.
        path: The dotted path of the class.
        foreign: Whether it may be one of a package, too.
    """
    found = class_of(library, path)
    if found is None or not (found.location.local or foreign) or found.summary.metaclass:
        return None
    order = resolve_name.resolution_order(library, found)
    if not all(isinstance(one, ClassFound) and not _may_have_more(one) for one in order):
        return None
    opaque = "__getattr__" in classes.attributes_of(library, found)
    return None if opaque or found.summary.decorators else found


def missing_methods(library: Library, found: ClassFound, methods: Iterable[str]) -> list[str]:
    """Return those of some methods that a class does not have.

    Args:
        library: Reads its bases.
        found: A class of which all methods are seen.
        methods: Their names.
    """
    known = classes.attributes_of(library, found)
    order = resolve_name.resolution_order(library, found)
    absent = [name for name in methods if name not in known]
    return [name for name in absent if classes.find_method(library, order, name) is None]


def _may_have_more(found: ClassFound) -> bool:
    """Return whether a class of the recipe can have methods, or objects, that are not seen."""
    return found.summary.open or (found.location.local and "__new__" in found.summary.members)


def incomplete_class(
    library: Library,
    found: ClassFound,
    missing: Sequence[str],
    others: Iterable[str],
    related: tuple[Label, ...],
) -> Diagnostic:
    """Return R425 at the method of a class that is likely meant, else at the class.

    Args:
        library: Reads the module of the class.
        found: The class.
        missing: Methods that it lacks.
        others: Methods that it has and that nothing of the runtime calls.
        related: Where it is used.
    """
    file, near = library.file(found.location), closest_match(missing[0], others)
    assert file is not None
    method = definitions.own_method(library, found, near) if near else None
    line, word = (method.line, method.name) if method else (found.summary.line, found.name)
    advice = f"write def {missing[0]} in the class"
    return Diagnostic(
        "R425",
        f"{found.location.name}.{found.name} lacks {format_names(missing)}",
        Label(file.span_of(line, word), "called by the runtime"),
        related=related,
        help=(f'did you mean to call "{near}" {missing[0]}?' if near else advice,),
    )


def _check_builders(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Report a stage that prepares nothing: no module of its data has a builder."""
    entries = entries_of(stage, recipe, resolved)
    certain = all(resolved.is_certain(binding.config) for binding in stage.configs)
    found = [_lacks_builder(data) for data in entries]
    if not found or not certain or not all(found):
        return
    module = entries[0].module
    yield Diagnostic(
        "R811",
        f'stage "{stage.name.value}" prepares nothing: "{module}" has no DatasetBuilder',
        Label(stage.name.span, "nothing to do"),
        help=(f"import a class DatasetBuilder in {module}/__init__.py, or remove the stage",),
    )


def _lacks_builder(data: DatasetEntry) -> bool:
    if not is_available(data):
        return False
    found = resolve_name.find_definition(data.library, f"{data.module}.DatasetBuilder")
    return isinstance(found, Missing) and found.prefix == data.module
