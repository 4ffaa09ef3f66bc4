"""Findings about a lock that was given to be compiled."""

from espnet3_compiler.diagnostic import Diagnostic, Label
from espnet3_compiler.read import read_text
from espnet3_compiler.source import Source, Span
from espnet3_compiler.tree import Mapping, Path, Sequence, descend, dotted

_ANEW = "if the recipe was meant to change, compile its manifest: espnet3-compile {}"


def malformed(source: Source, what: str, start: int = 0, path: Path = ()) -> Diagnostic:
    """R703: it has not the form of a lock.

    Args:
        source: The lock.
        what: What is wrong, as the end of a sentence.
        start: The offset of what is wrong, where no path leads to it.
        path: Keys and indices that lead to what is wrong.
    """
    span = _span(source, path) if path else Span(source, start, min(start + 1, len(source.text)))
    return Diagnostic(
        "R703",
        f'"{source.name}" is no lock of espnet3-compile: {what}',
        Label(span),
        help=("compile the manifest, which writes a new lock",),
    )


def altered(source: Source, path: Path, manifest: str) -> Diagnostic:
    """R703: it is not what its own sources compile to.

    Args:
        source: The lock.
        path: Keys and indices that lead to the first difference.
        manifest: The manifest's file name.
    """
    where = dotted(path) or "the top"
    return Diagnostic(
        "R703",
        f'"{source.name}" is not the lock of its sources: it differs at "{where}"',
        Label(_span(source, path), "not what the manifest compiles to"),
        help=(f"compile the manifest: espnet3-compile {manifest}",),
        notes=("it was changed by hand, or written by another version of espnet3-compile",),
    )


def outside(source: Source, path: Path) -> Diagnostic:
    """R702: a path of the lock leads out of the recipe."""
    span = _span(source, path)
    return Diagnostic(
        "R702",
        f'"{dotted(path)}" of the lock is no path of its recipe',
        Label(span, "not below the directory of the manifest"),
        help=("compile the manifest, which writes a new lock",),
    )


def no_manifest(source: Source, manifest: str) -> Diagnostic:
    """R701: the manifest is neither where the lock says nor beside the lock."""
    return Diagnostic(
        "R701",
        f'the manifest "{manifest}" of the lock does not exist',
        Label(_span(source, ("manifest",)), "neither here nor beside the lock"),
        help=("put the lock beside its manifest, or into build/ there",),
    )


def gone(source: Source, index: int, name: str) -> Diagnostic:
    """R704: a file that was compiled is not there.

    Args:
        source: The lock.
        index: Which of its sources it is, from 0.
        name: The file as the lock calls it.
    """
    return Diagnostic(
        "R704",
        f'"{name}", which was compiled, is not there',
        Label(_span(source, ("sources", index, "path")), "a file of the recipe then"),
        help=("bring it back, for example from version control",),
    )


def changed(source: Source, index: int, name: str, manifest: str) -> Diagnostic:
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
        Label(_span(source, ("sources", index, "sha256")), "the hash that it had"),
        help=(
            "bring it back as it was, for example from version control",
            _ANEW.format(manifest),
        ),
    )


def _span(source: Source, path: Path) -> Span:
    """Return the place of a value, or of what is there of the way to it.

    JSON is YAML, so that our own reader knows it.
    """
    root, _ = read_text(source)
    if root is None:
        return Span(source, 0, 0)
    lengths = range(len(path), -1, -1)
    node = next(node for length in lengths if (node := descend(root, path[:length])))
    end = node.span.end if not isinstance(node, Mapping | Sequence) else node.span.start + 1
    return Span(source, node.span.start, end)
