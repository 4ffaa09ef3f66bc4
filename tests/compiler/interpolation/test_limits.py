"""Each limit of references: what just fits is resolved, and one more is a finding."""

from pathlib import Path

import pytest

from espnet3_compiler.compose.compose import compose
from espnet3_compiler.interpolation.resolve import resolve
from espnet3_compiler.manifest.lower import config_roles
from tests.compiler.front_kit import front


def codes(root: Path, text: str) -> list[str]:
    return front(root, "configs: {c: c.yaml}\n", {"c.yaml": text}).codes


@pytest.mark.parametrize(("links", "found"), [(39, []), (40, ["R105"])])
def test_so_many_references_wait_for_one_another(
    links: int, found: list[str], tmp_path: Path
) -> None:
    lines = [f"k{n}: ${{k{n - 1}}}" for n in range(links, 0, -1)]
    assert codes(tmp_path, "\n".join([*lines, "k0: ${oc.env:A}"])) == found


@pytest.mark.parametrize(("links", "found"), [(26, []), (27, ["R105"])])
def test_so_many_nodes_wait_for_one_another(links: int, found: list[str], tmp_path: Path) -> None:
    lines = [f"k{n}: {{a: {{b: {{c: '${{k{n - 1}}}'}}}}}}" for n in range(links, 0, -1)]
    assert codes(tmp_path, "\n".join([*lines, "k0: {a: {b: {c: '${oc.env:A}'}}}"])) == found


@pytest.mark.parametrize(("items", "found"), [(9, []), (10, ["R105"])])
def test_so_many_nodes_are_copied(
    items: int, found: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("espnet3_compiler.interpolation.evaluate.MAX_FETCHED", 21)
    assert codes(tmp_path, f"a: [{'x, ' * items}]\nb: ${{a}}\nc: ${{a}}\n") == found


@pytest.mark.parametrize(("more", "found"), [("", []), ("y", ["R105"])])
def test_a_text_of_so_many_characters(more: str, found: list[str], tmp_path: Path) -> None:
    text = f"t: {'x' * 100_000}\nu: '{more}{'${t}' * 10}'\n"
    assert codes(tmp_path, text) == found


@pytest.mark.parametrize(("count", "found"), [(50, []), (51, ["R105"])])
def test_so_many_values_of_the_run_in_a_text(count: int, found: list[str], tmp_path: Path) -> None:
    assert codes(tmp_path, f"t: '{'${stages.a.b}' * count}'\nu: 'x${{t}}'\n") == found


def test_an_earlier_environment_wins_over_that_of_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACE", "now")
    monkeypatch.setenv("OTHER", "too")
    done = front(tmp_path, "exp_tag: ${oc.env:PLACE}\nexp_dir: ${oc.env:OTHER}\n")
    recipe = done.composition.recipe
    resolved, found = resolve(recipe, done.composition.configs, {"PLACE": "then"})
    assert found == ()
    assert resolved.globals["exp_tag"] == "then"
    assert resolved.environment == {"PLACE": "then", "OTHER": "too"}
    _, (finding,) = resolve(recipe, done.composition.configs, {"PLACE": None})
    assert (finding.code, finding.primary.span.text) == ("R310", "${oc.env:PLACE}")
    assert finding.help == ('give it when compiling: --set "recipe.exp_tag=$VAR"',)


def test_files_of_a_config_from_elsewhere(tmp_path: Path) -> None:
    """A config of the command line brings its own files; a recipe does not reach outside."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/w.txt").write_text("a\nb\n")
    (tmp_path / "mine/c.yaml").write_text("l: ${load_line:w.txt}\np: ${config_path:w.txt}\n")
    (tmp_path / "mine/link.txt").symlink_to(tmp_path / "recipe/recipe.yaml")
    (tmp_path / "mine/d.yaml").write_text("l: ${load_line:link.txt}\n")
    given = {"c": tmp_path / "mine/c.yaml", "d": tmp_path / "mine/d.yaml"}
    done = front(tmp_path / "recipe", "configs: {c: {}, d: {}}\n", config_files=given)
    assert done.config("c") == {"l": ["a", "b"], "p": f"{tmp_path}/mine/w.txt"}
    assert done.only.code == "R702"
    assert config_roles(done.composition.recipe) == {"c": None, "d": None}
    again, found = compose(done.composition.recipe, {"c": None, "d": None})
    assert (again.configs["c"].sources, found) == ((), ())


@pytest.mark.parametrize(
    ("data", "code", "name"),
    [
        (b"a\n\xff\n", "R108", "w.txt"),
        (b"a\n" * 1_000_001, "R105", "w.txt"),
        (None, "R701", "c.yaml"),
    ],
)
def test_lines_that_cannot_be_read(
    data: bytes | None, code: str, name: str, tmp_path: Path
) -> None:
    if data:
        (tmp_path / "w.txt").write_bytes(data)
    done = front(tmp_path, "configs: {c: c.yaml}\n", {"c.yaml": "l: ${load_line:w.txt}\n"})
    assert (done.only.code, done.only.primary.span.source.name) == (code, name)
    assert done.config("c", "l") == "${load_line:w.txt}"
    assert done.resolved.sources == ()
