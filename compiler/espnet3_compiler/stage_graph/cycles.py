"""Circles in a graph: the components that are strongly connected (Kosaraju 1978, Sharir 1981)."""

from collections.abc import Iterable, Mapping, Sequence


def find_cycles(edges: Iterable[tuple[str, str]], names: Sequence[str]) -> list[list[str]]:
    """Return the groups of nodes that reach each other, in time linear in nodes and edges.

    Args:
        edges: Pairs of a node and one that needs it.
        names: All nodes; the groups, and the nodes of each, come in this order.
    """
    forwards: dict[str, list[str]] = {name: [] for name in names}
    backwards: dict[str, list[str]] = {name: [] for name in names}
    for producer, consumer in edges:
        forwards[producer].append(consumer)
        backwards[consumer].append(producer)
    position = {name: number for number, name in enumerate(names)}
    found = []
    left = set(names)
    for name in reversed(_finished(names, forwards, set(names))):
        group = _finished([name], backwards, left)
        if len(group) > 1 or (group and name in forwards[name]):
            found.append(sorted(group, key=position.__getitem__))
    return sorted(found, key=lambda group: position[group[0]])


def _finished(
    starts: Iterable[str], nexts: Mapping[str, Sequence[str]], left: set[str]
) -> list[str]:
    """Return the nodes that are reached, each after those that it leads to; take them from left."""
    order = []
    for start in starts:
        waiting = [(start, iter(nexts[start]))] if start in left else []
        left.discard(start)
        while waiting:
            name, below = waiting[-1]
            fresh = next((other for other in below if other in left), None)
            if fresh is None:
                order.append(name)
                waiting.pop()
            else:
                left.discard(fresh)
                waiting.append((fresh, iter(nexts[fresh])))
    return order
