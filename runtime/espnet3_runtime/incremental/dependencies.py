"""Which stages depend on which: what comes of a failure, and what may run side by side."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from espnet3_runtime.build.lock import Build
from espnet3_runtime.incremental.slices import edges_of
from espnet3_schemas.build_records import Stage


def direct_upstream(build: Build, stage: Stage) -> list[str]:
    """Return the stages that a stage depends on, in their order.

    The lock names those whose outputs or files it reads, that its kind consumes, that ``init_from``
    starts from, and that ``needs`` states; the edges of the skip engine come to these.
    """
    names = {*stage.needs, *edges_of(build, stage)} & build.position.keys()
    return sorted(names, key=build.position.__getitem__)


def blocking_stage(build: Build, stage: Stage, causes: Mapping[str, str]) -> str | None:
    """Return the failed stage because of which a stage cannot run, if there is one.

    Args:
        build: The compiled recipe.
        stage: The stage.
        causes: By the name of each stage that did not come to an end: the one that failed.
    """
    found = (causes[name] for name in direct_upstream(build, stage) if name in causes)
    return next(found, None)


def stages_before(build: Build, names: Collection[str]) -> dict[str, frozenset[str]]:
    """Return for each of some stages those of them that must have ended before it starts.

    Beside the stages that it depends on these are earlier ones that write to the same place, as
    several ``create_dataset`` stages do into ``data_dir``.
    """
    written: dict[Path, list[str]] = {}
    around: dict[Path, list[str]] = {}
    before: dict[str, frozenset[str]] = {}
    wanted = frozenset(names)
    for stage in (stage for stage in build.stages if stage.name in wanted):
        places = _places_elsewhere(build, stage)
        same = [one for place in places for one in around.get(place, ())]
        same += [one for place in places for up in _upwards(place) for one in written.get(up, ())]
        earlier = {*direct_upstream(build, stage), *same}
        before[stage.name] = frozenset(name for name in earlier if name in before)
        for place in places:
            written.setdefault(place, []).append(stage.name)
            for up in _upwards(place):
                around.setdefault(up, []).append(stage.name)
    return before


def group_by_depth(before: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Return stages in groups: each stage depends on some of the group before, none of its own."""
    depth: dict[str, int] = {}
    groups: list[list[str]] = []
    for name, earlier in before.items():
        depth[name] = max((depth[other] + 1 for other in earlier), default=0)
        groups += [[] for _ in range(depth[name] + 1 - len(groups))]
        groups[depth[name]].append(name)
    return groups


def _places_elsewhere(build: Build, stage: Stage) -> Sequence[Path]:
    """Return where a stage writes beside its own directory."""
    own = build.directory_of(stage)
    paths = [build.recipe_dir / output.path for output in stage.outputs.values()]
    return [path for path in dict.fromkeys(paths) if not path.is_relative_to(own)]


def _upwards(path: Path) -> Sequence[Path]:
    return (path, *path.parents)
