"""What references become: values, the way that they came, references, findings."""

from pathlib import Path

import pytest

from espnet3_compiler.syntax.tree import to_python
from tests.compiler.front_kit import front_of, shown_leaves
from tests.compiler.sheet_kit import Row, row_name, sheet
from tests.compiler.told_kit import told

SHEET = sheet(Path(__file__).with_name("references.txt"))


@pytest.mark.parametrize("row", SHEET, ids=row_name)
def test_what_references_become(row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE", "here")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("NOWHERE", raising=False)
    done = front_of(row.text, tmp_path)
    resolved = done.resolved
    lines = [*told(done.found), f"globals: {resolved.globals}"]
    for title, trees in (
        ("config", resolved.configs),
        ("model", resolved.models),
        ("call", resolved.calls),
    ):
        for name, tree in trees.items():
            lines += [f"{title} {name}", *shown_leaves(tree)]
    starts = {name: to_python(node) for name, node in resolved.init_from.items()}
    lines += [f"init_from: {starts}"] if starts else []
    lines += [
        f"{'.'.join(map(str, one.owner))} {'.'.join(map(str, one.path))} -> "
        f"{'.'.join(map(str, one.target))} of {one.span.text}"
        for one in resolved.references
    ]
    lines.append(f"files: {[source.name for source in resolved.sources]}")
    lines.append(f"environment: {dict(resolved.environment)}")
    lines += [f"incomplete: {sorted(resolved.incomplete)}"] if resolved.incomplete else []
    row.check("\n".join(lines).replace(str(tmp_path), "/recipe"))
