"""Merge keys: ``<<: *base`` gives a mapping the entries of others that it has not itself."""

from espnet3_compiler import read_findings as findings
from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.read_steps import is_stand_in, with_step
from espnet3_compiler.source import Step
from espnet3_compiler.tree import Entry, Mapping, Node, Scalar, Sequence


def is_merge_key(key: Scalar) -> bool:
    """Return whether a key is ``<<`` without quotes."""
    return key.value == "<<" and key.style == "plain"


def merged(entries: list[Entry], found: list[Diagnostic]) -> list[Entry]:
    """Return the entries with every ``<<`` replaced by what it brings.

    The mapping's own keys win, then earlier merged mappings over later ones, as in
    https://yaml.org/type/merge.html.  A merged entry carries a ``merge`` step with the place of
    its ``<<``; mistakes are appended to ``found``.
    """
    taken = {entry.name for entry in entries if not is_merge_key(entry.key)}
    result: list[Entry] = []
    for entry in entries:
        if not is_merge_key(entry.key):
            result.append(entry)
            continue
        for base in _bases(entry, found):
            fresh = [inner for inner in base.entries if inner.name not in taken]
            taken.update(inner.name for inner in fresh)
            step = Step("merge", entry.key.span)
            result += [
                Entry(with_step(inner.key, step), with_step(inner.value, step)) for inner in fresh
            ]
    return result


def _bases(entry: Entry, found: list[Diagnostic]) -> list[Mapping]:
    value = entry.value
    nodes: tuple[Node, ...] = value.items if isinstance(value, Sequence) else (value,)
    bad = [node for node in nodes if not isinstance(node, Mapping) and not is_stand_in(node)]
    if bad:
        found.append(findings.bad_merge(entry.key, bad[0]))
    return [node for node in nodes if isinstance(node, Mapping)]
