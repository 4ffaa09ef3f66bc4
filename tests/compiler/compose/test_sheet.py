"""What configs and models are after composition: values, places, history, findings."""

from pathlib import Path

import pytest

from espnet3_compiler.compose.compose import bases_only
from espnet3_compiler.manifest.recipe import Composed
from espnet3_compiler.syntax.tree import to_python
from tests.compiler.front_kit import front_of, shown_leaves
from tests.compiler.sheet_kit import Row, row_name, sheet
from tests.compiler.told_kit import told

SHEET = sheet(Path(__file__).with_name("configs.txt"))


def shown(config: Composed) -> list[str]:
    sources = [source.name for source in config.sources]
    head = f"{config.name} in {config.role}: bases {list(config.bases)}, sources {sources}"
    history = [
        f"  {'.'.join(map(str, path))} was {[to_python(node) for node in nodes]}"
        for path, nodes in config.history.items()
        if any(node.span.source.kind != "schema" for node in nodes)
    ]
    whole = "" if config.complete else ", incomplete"
    return [head + whole, *shown_leaves(config.node), *history]


@pytest.mark.parametrize("row", SHEET, ids=row_name)
def test_what_a_recipe_is_composed_to(
    row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = front_of(row.text, tmp_path)
    composition = done.composition
    lines = told(done.found)
    for config in (*composition.configs.values(), *composition.models.values()):
        lines += shown(config)
    lines.append(f"only bases: {sorted(bases_only(composition.recipe, composition.configs))}")
    lines.append(f"globals: {to_python(composition.recipe.globals)}")
    row.check("\n".join(lines).replace(str(tmp_path), "/recipe"))
