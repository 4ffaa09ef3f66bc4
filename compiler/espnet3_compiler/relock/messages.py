"""Findings about a lock that was given to be compiled."""

from dataclasses import dataclass
from typing import Any

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.syntax.read import read_text
from espnet3_compiler.syntax.tree import Mapping, Path, Sequence, format_path, node_at
from espnet3_schemas import load_as_written

_COMPILE_HINT = "if the recipe was meant to change, compile its manifest: espnet3-compile {}"


def malformed_lock(source: Source, what: str, start: int = 0, path: Path = ()) -> Diagnostic:
    """R703: it has not the form of a lock.

    Args:
        source: The lock.
        what: What is wrong, as the end of a sentence.
        start: The offset of what is wrong, where no path leads to it.
        path: Keys and indices that lead to what is wrong.
    """
    span = (
        _value_span(source, path) if path else Span(source, start, min(start + 1, len(source.text)))
    )
    return Diagnostic(
        "R703",
        f'"{source.name}" is no lock of espnet3-compile: {what}',
        Label(span),
        help=("compile the manifest, which writes a new lock",),
    )


def altered_lock(source: Source, path: Path, manifest: str) -> Diagnostic:
    """R703: it is not what its own sources compile to.

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
    span = _value_span(source, path)
    return Diagnostic(
        "R702",
        f'"{format_path(path)}" of the lock is no path of its recipe',
        Label(span, "not below the directory of the manifest"),
        help=("compile the manifest, which writes a new lock",),
    )


def missing_manifest(source: Source, manifest: str) -> Diagnostic:
    """R701: the manifest is neither where the lock says nor beside the lock."""
    return Diagnostic(
        "R701",
        f'the manifest "{manifest}" of the lock does not exist',
        Label(_value_span(source, ("manifest",)), "neither here nor beside the lock"),
        help=("put the lock beside its manifest, or into build/ there",),
    )


def missing_source(source: Source, index: int, name: str) -> Diagnostic:
    """R704: a file that was compiled is not there.

    Args:
        source: The lock.
        index: Which of its sources it is, from 0.
        name: The file as the lock calls it.
    """
    return Diagnostic(
        "R704",
        f'"{name}", which was compiled, is not there',
        Label(_value_span(source, ("sources", index, "path")), "a file of the recipe then"),
        help=("bring it back, for example from version control",),
    )


def changed_source(source: Source, index: int, name: str, manifest: str) -> Diagnostic:
    """R704: a file has other bytes than the one that was compiled.

    Args:
        source: The lock.
        index: Which of its sources it is, from 0.
        name: The file as the lock calls it.
        manifest: The manifest's file name.
    """
    return Diagnostic(
        "R704",
        f'"{name}" is not the file that was compiled',
        Label(_value_span(source, ("sources", index, "sha256")), "the hash that it had"),
        help=(
            "bring it back as it was, for example from version control",
            _COMPILE_HINT.format(manifest),
        ),
    )


def _value_span(source: Source, path: Path) -> Span:
    """Return the place of a value, or of what is there of the way to it.

    JSON is YAML, so that our own reader knows it.
    """
    root, _ = read_text(source)
    if root is None:
        return Span(source, 0, 0)
    lengths = range(len(path), -1, -1)
    node = next(node for length in lengths if (node := node_at(root, path[:length])))
    end = node.span.end if not isinstance(node, Mapping | Sequence) else node.span.start + 1
    return Span(source, node.span.start, end)


MAX_MESSAGE = 100


@dataclass(frozen=True, slots=True)
class LockViolation:
    """Where a lock does not fit its schema, and how."""

    path: tuple[str | int, ...]
    message: str


def first_violation(lock: Any) -> LockViolation | None:
    """Return the first place at which a lock does not fit ``lock.schema.json``."""
    from jsonschema import Draft202012Validator

    error = next(iter(Draft202012Validator(load_as_written("lock")).iter_errors(lock)), None)
    if error is None:
        return None
    message = (
        error.message if len(error.message) <= MAX_MESSAGE else f"{error.message[:MAX_MESSAGE]}…"
    )
    return LockViolation(tuple(error.absolute_path), message)
