"""One signature for a function with several: those that ``@overload`` lists."""

from msgspec.structs import replace

from espnet3_compiler.signature import definitions
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import ModuleLocation
from espnet3_compiler.signature.module_summary import FunctionSummary
from espnet3_compiler.signature.result import Parameter, Signature, SignatureResult

OVERLOADS = ("typing.overload", "typing_extensions.overload")


def is_overload(library: Library, location: ModuleLocation, function: FunctionSummary) -> bool:
    """Return whether a ``def`` is one of ``@overload``.

    Args:
        library: Reads modules.
        location: The module.
        function: The ``def``.
    """
    names = (item.name for item in function.decorators if item.name)
    return any(definitions.full_name(library, location, name) in OVERLOADS for name in names)


def merge_overloads(found: list[Signature]) -> Signature:
    """Return what all overloads together take; an argument is needed only where all need it.

    Those that take anything (``*args, **kwargs``) say nothing beside others.
    """
    telling = [item for item in found if not _takes_anything(item)] or found
    longest = max(telling, key=lambda item: (len(item.positional), len(item.parameters)))
    names = [item.name for item in longest.parameters]
    others = (item.name for each in telling for item in each.parameters)
    merged = [_merge_parameter(name, longest, telling) for name in dict.fromkeys([*names, *others])]
    return Signature(
        longest.name,
        tuple(sorted(merged, key=lambda item: item.kind == "keyword")),
        any(item.more_positional for item in telling),
        any(item.more_keywords for item in telling),
        longest.origin,
    )


def with_implementation(listed: Signature, implemented: SignatureResult) -> Signature:
    """Add the arguments that only the function behind the overloads names.

    Args:
        listed: What the overloads take.
        implemented: What ``def f(*args, **kwargs)`` was found to take, if anything.
    """
    if not isinstance(implemented, Signature) or implemented.more_keywords:
        return listed
    known = {item.name for item in listed.parameters}
    added = (
        replace(item, kind="keyword", default=item.default or "other")
        for item in implemented.parameters
        if item.name not in known
    )
    return replace(listed, parameters=(*listed.parameters, *added))


def _takes_anything(item: Signature) -> bool:
    return not item.parameters and item.more_positional and item.more_keywords


def _merge_parameter(name: str, longest: Signature, found: list[Signature]) -> Parameter:
    same = [item for each in found for item in each.parameters if item.name == name]
    own = next((item for item in longest.parameters if item.name == name), None)
    kind = own.kind if own else "keyword"
    places = {_place(each, name) for each in found}
    needed = len(same) == len(found) and len(places) == 1 and all(item.required for item in same)
    default = next((item.default for item in same if item.default), "other")
    moved = len(places) > 1 and kind != "keyword"
    return Parameter(
        name,
        "both" if moved else kind,
        None if needed else default,
        None if moved else _merge_annotations(same),
        (own or same[0]).origin,
    )


def _place(signature: Signature, name: str) -> int:
    """Return the index of a parameter that can be given by position; -1 for another."""
    names = [item.name for item in signature.positional]
    return names.index(name) if name in names else -1


def _merge_annotations(found: list[Parameter]) -> str | None:
    texts = dict.fromkeys(item.annotation or "" for item in found)
    homes = {item.origin.module for item in found}
    return " | ".join(texts) if texts and len(homes) == 1 and "" not in texts else None
