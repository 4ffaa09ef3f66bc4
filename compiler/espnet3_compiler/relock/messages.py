"""Findings about a lock that is compiled."""

from typing import Any

from msgspec import Struct

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.syntax.read import read_text
from espnet3_compiler.syntax.tree import Mapping, Path, Sequence, format_path, node_at
from espnet3_schemas import load_as_written

_COMPILE_AGAIN = "compile the manifest, which writes a new lock"
_RESTORE = "for example from version control"


def malformed_lock(source: Source, problem: str, where: int | Path) -> Diagnostic:
    """R703: the text is not a lock.

    Args:
        source: The lock.
        problem: What is wrong, as the end of a sentence.
        where: The offset, or the keys and indices, that lead to the mistake.
    """
    if isinstance(where, int):
        span = Span(source, where, min(where + 1, len(source.text)))
    else:
        span = _value_span(source, where)
    message = f'"{source.name}" is no lock of espnet3-compile: {problem}'
    return Diagnostic("R703", message, Label(span), help=(_COMPILE_AGAIN,))


def altered_lock(source: Source, path: Path, manifest: str) -> Diagnostic:
    """R703: the lock is not what its sources compile to.

    Args:
        source: The lock.
        path: Keys and indices that lead to the first difference.
        manifest: The manifest's file name.
    """
    where = format_path(path) or "the top"
    return Diagnostic(
        "R703",
        f'"{source.name}" is not the lock of its sources: it differs at "{where}"',
        Label(_value_span(source, path), "not what the manifest compiles to"),
        help=(f"compile the manifest: espnet3-compile {manifest}",),
        notes=("it was changed by hand, or written by another version of espnet3-compile",),
    )


def outside_recipe(source: Source, path: Path) -> Diagnostic:
    """R702: a path of the lock leads out of the recipe."""
    label = Label(_value_span(source, path), "not below the directory of the manifest")
    message = f'"{format_path(path)}" of the lock is no path of its recipe'
    return Diagnostic("R702", message, label, help=(_COMPILE_AGAIN,))


def missing_manifest(source: Source, manifest: str) -> Diagnostic:
    """R701: the manifest is neither where the lock names it nor beside the lock."""
    label = Label(_value_span(source, ("manifest",)), "neither here nor beside the lock")
    hint = "put the lock beside its manifest, or into build/ there"
    message = f'the manifest "{manifest}" of the lock does not exist'
    return Diagnostic("R701", message, label, help=(hint,))


def missing_source(source: Source, index: int, name: str) -> Diagnostic:
    """R704: a file that was compiled does not exist.

    Args:
        source: The lock.
        index: The index of the file among the sources.
        name: The file as reports call it.
    """
    label = Label(_value_span(source, ("sources", index, "path")), "a file of the recipe then")
    message = f'"{name}", which was compiled, is not there'
    return Diagnostic("R704", message, label, help=(f"bring it back, {_RESTORE}",))


def changed_source(source: Source, index: int, name: str, manifest: str) -> Diagnostic:
    """R704: a file is not the same as the one that was compiled.

    Args:
        source: The lock.
        index: The index of the file among the sources.
        name: The file as reports call it.
        manifest: The manifest's file name.
    """
    label = Label(_value_span(source, ("sources", index, "sha256")), "the hash that it had")
    hint = f"if the recipe was meant to change, compile its manifest: espnet3-compile {manifest}"
    message = f'"{name}" is not the file that was compiled'
    return Diagnostic("R704", message, label, help=(f"bring it back as it was, {_RESTORE}", hint))


def _value_span(source: Source, path: Path) -> Span:
    """Return the span of the node at a path, or of the last node on it that exists.

    JSON is YAML, so that the reader of manifests reads it.
    """
    root, _ = read_text(source)
    if root is None:
        return Span(source, 0, 0)
    lengths = range(len(path), -1, -1)
    node = next(node for length in lengths if (node := node_at(root, path[:length])))
    end = node.span.end if not isinstance(node, Mapping | Sequence) else node.span.start + 1
    return Span(source, node.span.start, end)


MAX_MESSAGE = 100


class LockViolation(Struct, frozen=True):
    """The path and the message of a mistake against the schema of locks."""

    path: tuple[str | int, ...]
    message: str


def first_violation(lock: Any) -> LockViolation | None:
    """Return the first mistake against ``lock.schema.json``."""
    from jsonschema import Draft202012Validator

    error = next(iter(Draft202012Validator(load_as_written("lock")).iter_errors(lock)), None)
    if error is None:
        return None
    more = "…" if len(error.message) > MAX_MESSAGE else ""
    return LockViolation(tuple(error.absolute_path), f"{error.message[:MAX_MESSAGE]}{more}")
