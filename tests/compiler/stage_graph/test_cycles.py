"""Circles among stages, by a search from each of them, and in large graphs."""

import random
from itertools import pairwise

from espnet3_compiler.stage_graph.cycles import find_cycles


def by_search(edges: list[tuple[str, str]], names: list[str]) -> list[list[str]]:
    """Return the groups that reach each other, by the transitive closure of every node."""
    reached = {name: {to for of, to in edges if of == name} for name in names}
    for _ in names:
        for name in names:
            reached[name].update(*(reached[other] for other in list(reached[name])))
    groups: list[list[str]] = []
    for name in names:
        if name in reached[name] and not any(name in group for group in groups):
            groups.append([n for n in names if n in reached[name] and name in reached[n]])
    return groups


def test_the_same_circles_as_by_search():
    rng = random.Random(3)
    for _ in range(300):
        names = [f"s{number}" for number in range(rng.randrange(1, 9))]
        edges = [(rng.choice(names), rng.choice(names)) for _ in range(rng.randrange(12))]
        assert find_cycles(edges, names) == by_search(edges, names), edges


def test_circles_of_thousands():
    names = [f"s{number}" for number in range(20_000)]
    chain = list(pairwise(names))
    assert find_cycles(chain, names) == []
    assert find_cycles([*chain, (names[-1], names[0])], names) == [names]
    assert find_cycles([*chain, ("s9", "s5"), ("s3", "s3")], names) == [["s3"], names[5:10]]
