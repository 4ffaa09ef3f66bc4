"""Kills the compiler at every operation on files that it makes."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from evaluation.kills.blows import limit_files
from evaluation.kills.chain import Kill
from evaluation.kills.child import fork
from evaluation.kills.tripwire import Tripwire
from evaluation.kills.workspace import make_recipe

OTHER = ("--set", "training.optimizer.lr=0.5", "--set", "training.seed=7")


def every_write(recipe: Path) -> list[Kill]:
    """Compile over nothing and over another build, killed at each operation and in each file."""
    make_recipe(recipe, "one process")
    builds = {"other": content(recipe / "build")}
    _compile(recipe, OTHER)
    builds["new"] = content(recipe / "build")
    kills = []
    for before in ("nothing", "other"):
        old = builds.get(before)
        total = _count(recipe, old)
        deaths: list[Callable[[], None]] = [
            Tripwire(recipe, at=at).install for at in range(1, total + 1)
        ]
        deaths += [limit_files(size, torn=True) for size in _sizes(builds["new"])]
        for death in deaths:
            _lay(recipe, old)
            _compile(recipe, OTHER, death)
            problems = _check(recipe, old, builds["new"])
            _compile(recipe, OTHER)
            problems += _check(recipe, None, builds["new"], whole=True)
            kills.append(Kill(f"compile over {before}", "every write", tuple(problems)))
    return kills


def content(build: Path) -> dict[str, bytes]:
    """Return every file of a directory."""
    return {
        path.relative_to(build).as_posix(): path.read_bytes()
        for path in sorted(build.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def _check(
    recipe: Path, old: dict[str, bytes] | None, new: dict[str, bytes], *, whole: bool = False
) -> list[str]:
    build = recipe / "build"
    if not build.exists():
        return [] if old is None and not whole else ["build/ is gone"]
    found = content(build)
    if found != new and (found != old or whole):
        return [f"build/ is neither the old nor the new one: {sorted(found)}"]
    left = [path.name for path in recipe.glob(".build*")] if whole else []
    return [f"{name} was left behind" for name in left]


def _lay(recipe: Path, old: dict[str, bytes] | None) -> None:
    for path in (recipe / "build", *recipe.glob(".build*")):
        shutil.rmtree(path, ignore_errors=True)
    for name, data in (old or {}).items():
        path = recipe / "build" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _count(recipe: Path, old: dict[str, bytes] | None) -> int:
    _lay(recipe, old)
    wire, events = Tripwire(recipe), recipe.parent / "compiler-events.json"

    def work() -> int:
        wire.install()
        code = _main(recipe, OTHER)
        wire.save(events)
        return code

    fork(work).wait(60)
    return len(json.loads(events.read_text()))


def _sizes(files: dict[str, bytes]) -> list[int]:
    """Return sizes that cut files at their beginning, in the middle, and just before their end."""
    found = {cut for data in files.values() for cut in (0, len(data) // 2, len(data) - 1)}
    return sorted(size for size in found if size >= 0)


def _compile(recipe: Path, sets: tuple[str, ...], death: Callable[[], None] | None = None) -> None:
    def work() -> int:
        if death is not None:
            death()
        return _main(recipe, sets)

    run = fork(work)
    if not run.wait(60) or (death is None and run.code):
        raise RuntimeError(f"the compile failed: {run.text[-2000:]}")


def _main(recipe: Path, sets: tuple[str, ...]) -> int:
    from espnet3_compiler.cli.main import main

    os.chdir(recipe)
    return int(main(["recipe.yaml", *sets]) or 0)
