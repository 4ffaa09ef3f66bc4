"""What becomes of manifests: findings, stages and names, whole."""

from pathlib import Path

import pytest

from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.manifest.lower import config_roles, lower
from espnet3_compiler.manifest.matrix import expand
from espnet3_compiler.manifest.recipe import Recipe
from espnet3_compiler.manifest.stage_kinds import is_custom_kind, keys_read_by
from espnet3_compiler.syntax.read import read_text
from espnet3_compiler.syntax.tree import Mapping, Scalar, to_python
from tests.compiler.sheet_kit import Row, row_name, sheet
from tests.compiler.told_kit import told

HERE = Path(__file__).parent
HEAD = "version: 1\nrecipe: mini/asr\n"
MODULES = {
    "src/__init__.py": "from .systems import Deep as Shown\n",
    "src/systems.py": """\
from espnet3_runtime.systems.asr import ASRSystem as Base
from espnet3_runtime.systems.base import BaseSystem
import elsewhere
class Mixin:
    def hidden(self, context): ...
class Middle(Base):
    def polish(self, context): ...
    def helper(self): ...
    def swapped(self, other, context): ...
    def _private(self, context): ...
    @property
    def shown(self, context): ...
    @staticmethod
    def alone(context): ...
    size = 3
class Deep(Mixin, Middle):
    def train(self, context, *, more=None): ...
class Open(elsewhere.System):
    def polish(self, context): ...
class Nothing(Mixin): ...
class Plain: ...
class Both(BaseSystem, Base):
    def extra(self, context): ...
def make(): ...
""",
    "src/only.py": """\
from espnet3_runtime.systems.base import BaseSystem
class Helper: ...
class One(BaseSystem):
    def polish(self, context): ...
""",
    "src/two.py": """\
from espnet3_runtime.systems.base import BaseSystem
class One(BaseSystem): ...
class Two(BaseSystem): ...
""",
    "src/broken.py": "class Bad(:\n",
    "espnet2/own.py": """\
from espnet3_runtime.systems.base import BaseSystem
class Mine(BaseSystem): ...
""",
    **{
        f"deep{number}.py": f"from deep{number + 1} import S as Above\nclass S(Above): ...\n"
        for number in range(18)
    },
    "deep18.py": "from espnet3_runtime.systems.base import BaseSystem\nclass S(BaseSystem): ...\n",
}


def read(text: str) -> tuple[Mapping, Source]:
    source = Source("recipe.yaml", text)
    root, _ = read_text(source)
    assert isinstance(root, Mapping)
    return root, source


def value(node: Scalar | None) -> str:
    return "-" if node is None else str(node.value)


def summary(recipe: Recipe) -> list[str]:
    """Return what is known of a recipe, a line for each part."""
    lines = []
    for stage in recipe.stages:
        bound = ", ".join(
            f"{one.role}={one.config} of {one.span.text!r} "
            f"reads {len(keys_read_by(stage, one.role, recipe))}"
            for one in stage.configs
        )
        own = " custom" if is_custom_kind(stage, recipe) else ""
        lines.append(
            f"stage {value(stage.name)}: run {value(stage.run)}{own}, call {value(stage.call)}, "
            f"model {value(stage.model)}, init {value(stage.init_from)}, "
            f"needs {[value(need) for need in stage.needs]}, {stage.description!r}"
        )
        lines.append(f"  reads {bound or 'nothing'}")
        for name in ("arguments", "outputs"):
            block = getattr(stage, name)
            lines += [] if block is None else [f"  {name} {to_python(block)}"]
    for config in recipe.configs:
        inline = None if config.inline is None else to_python(config.inline)
        lines.append(
            f"config {value(config.name)} in {config_roles(recipe)[value(config.name)]}: "
            f"extends {value(config.extends)}, file {value(config.file)}, inline {inline}, "
            f"complete {config.complete}"
        )
    lines += [f"model {value(model.name)}: {to_python(model.node)}" for model in recipe.models]
    lines.append(f"globals {to_python(recipe.globals)} of {value(recipe.name)}")
    lines.append(f"system {recipe.system.class_path}, own {list(recipe.system.own)}")
    lines.append(f"complete {recipe.complete}, names {recipe.names_complete}")
    return lines


@pytest.mark.parametrize("row", sheet(HERE / "stages.txt"), ids=row_name)
def test_what_becomes_of_a_manifest(row: Row) -> None:
    root, source = read(HEAD + row.text)
    recipe, found = lower(root, source, Path("/nowhere"))
    row.check("\n".join([*told(found), *summary(recipe)]))


@pytest.fixture(scope="module")
def recipe_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipe")
    for name, text in MODULES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("row", sheet(HERE / "systems.txt"), ids=row_name)
def test_the_class_of_a_system(row: Row, recipe_dir: Path) -> None:
    name, _, stages = row.text.strip().partition(" ")
    root, source = read(f"{HEAD}system: {name}\nstages: {stages or '[]'}\n")
    recipe, found = lower(root, source, recipe_dir)
    system = recipe.system
    kinds = [f"class {system.class_path}", f"kinds {' '.join(system.kinds)}", f"own {system.own}"]
    row.check("\n".join([*told(found), *kinds, f"complete {recipe.complete}"]))


@pytest.mark.parametrize("row", sheet(HERE / "matrices.txt"), ids=row_name)
def test_what_becomes_of_a_group(row: Row) -> None:
    root, _ = read(row.text)
    made = expand(root)
    lines = [f"{name}: {text}" for name, text in to_python(made.root).items()]  # type: ignore[union-attr]
    lines += [
        f"row {' '.join(map(str, owner))}: {to_python(its)}" for owner, its in made.rows.items()
    ]
    lines += [f"template {name}: {text}" for name, text in made.templates.items()]
    lines += [f"part {kind}: {to_python(node)}" for kind, node in made.parts]
    row.check("\n".join([*told(made.found), *lines, f"complete {made.complete}"]))
