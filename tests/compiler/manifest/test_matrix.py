"""Groups of stages with a matrix: what they become, and where findings in them point."""

import ast
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from espnet3_compiler.build.files import build_files
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.expressions.template import parse
from espnet3_compiler.manifest.matrix import expand
from espnet3_compiler.manifest.matrix_names import merge_row_findings
from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.recompile import locate
from espnet3_compiler.syntax.read import read_text
from espnet3_compiler.syntax.tree import Mapping, Scalar, to_python
from tests.compiler.recipe_kit import copy, minimal, run, texts

GROUP = """\
stages:
  - train
  - matrix: [{round: 1, start: train, note: %s}, {round: 2, start: tune_1, note: b}]
    stages:
      - name: tune_${matrix.round}
        run: train
        init_from: ${matrix.start}
        description: ${matrix.note}
"""
ROW = Source("f", "a ${matrix.n} b")


def with_group(folder: Path, note: str = "a") -> Path:
    return minimal(folder, old="stages: [train]\n", new=GROUP % json.dumps(note))


def expanded(text: str) -> tuple[list, list[str]]:
    root, found = read_text(Source("recipe.yaml", text))
    assert isinstance(root, Mapping)
    assert not found
    made = expand(root)
    value = to_python(made.root)
    assert isinstance(value, dict)
    return value["stages"], [finding.code for finding in made.found]


def test_every_combination_the_last_name_fastest():
    text = "stages: [{matrix: {a: [1, 2], b: [x, y]}, stages: ['t_${matrix.a}${matrix.b}', l]}]"
    stages, found = expanded(text.replace(", l]", "]"))
    assert (stages, found) == (["t_1x", "t_1y", "t_2x", "t_2y"], [])


def test_all_stages_of_a_row_come_before_those_of_the_next():
    stages, found = expanded(
        "stages: [first, {matrix: [{n: 1}, {n: 2}], stages: ['a${matrix.n}', 'b${matrix.n}']}, z]"
    )
    assert (stages, found) == (["first", "a1", "b1", "a2", "b2", "z"], [])


ROWS = {
    "{lr: [1e-3, 3e-4], size: [8, 9]}": "lr1e_3_size8 lr1e_3_size9 lr3e_4_size8 lr3e_4_size9",
    "{size: [64], lr: [1e-3, 3e-4], drop: [0.1]}": "lr1e_3 lr3e_4",
    "{lr: [1e-3], size: [64]}": "lr1e_3",
    "[{n: 1, start: a}, {n: 2, start: b/c, more: 1}]": "n1_start_a n2_start_b_c_more1",
    "{x: [-1, +1, -.5, .5, 1e+5, 2.]}": "xm1 x1 xm0_5 x0_5 x1e5 x2",
    "{flag: [true, false], s-t: ['1', x y, '-z']}": (
        "flag_true_s_t1 flag_true_s_t_x_y flag_true_s_t_z "
        "flag_false_s_t1 flag_false_s_t_x_y flag_false_s_t_z"
    ),
    "{w: ['', +, größe]}": "w_e3b0c4 w_a318c2 w_gr_e_d353a2",
    f"{{w: [{'a' * 25}, {'a' * 24}]}}": f"w_{'a' * 17}_2f521e w_{'a' * 24}",
}


@pytest.mark.parametrize("matrix", ROWS)
def test_the_id_of_a_row_says_what_is_its_own(matrix):
    stages, found = expanded(f"stages: [{{matrix: {matrix}, stages: ['${{matrix.id}}']}}]")
    assert (stages, found) == (ROWS[matrix].split(), [])


def test_a_row_keeps_its_id_when_others_come():
    def ids(matrix):
        return expanded(f"stages: [{{matrix: {matrix}, stages: ['${{matrix.id}}']}}]")[0]

    few = ids("{a: [1, 2], b: [x, y]}")
    assert set(few) < set(ids("{c: [7], a: [3, 2, 1], b: [y, z, x]}"))
    listed = ids("[{a: 1, b: x}, {a: 2, b: y}]")
    assert set(listed) < set(ids("[{b: x, a: 2, c: 7}, {a: 1, b: x, c: 7}, {a: 2, b: y, c: 7}]"))


def test_the_ids_of_many_names_have_a_limit():
    names = ", ".join(f"name_{n}: [a_rather_long_text, another_rather_long_one]" for n in range(9))
    stages, _ = expanded(f"stages: [{{matrix: {{{names}}}, stages: [train]}}]")
    made = [stage["name"] for stage in stages]
    assert len(set(made)) == len(made) == 512
    assert all(name.isidentifier() and len(name) <= len("train_") + 80 for name in made)


@pytest.mark.parametrize(("last", "found"), [(1000, []), (1001, ["R105"])])
def test_a_matrix_has_a_thousand_rows_at_most(last, found):
    values = list(range(1, last + 1))
    stages, codes = expanded(f"stages: [{{matrix: {{n: {values}}}, stages: ['t${{matrix.n}}']}}]")
    assert codes == found
    assert len(stages) == (1 if found else 1000)


def finding(part: str, message: str, edit: str | None = None) -> Diagnostic:
    start = ROW.text.index(part)
    span = Span(ROW, start, start + len(part))
    fix = Fix("mend", (Edit(span, edit),), certain=True) if edit else None
    return Diagnostic("R205", message, Label(span), fix=fix)


def test_what_every_row_repeats_is_told_once():
    templates = {"tune_1": "tune_${matrix.n}", "tune_11": "tune_${matrix.n}", "a.b": "x"}
    given = [
        finding("a", 'stage "tune_1" is wrong', "z"),
        finding("a", 'stage "tune_11" is wrong', "y"),
        finding("a", 'stage "tune_111" is wrong'),
        finding("a", 'stage "axb" is wrong'),
        finding("b", 'stage "tune_1" is wrong'),
        finding("${matrix.n}", 'no "u_1" in 3 of "tune_1"', "q"),
        finding("${matrix.n}", 'no "u_2" in 4.5 of "tune_11"', "q"),
        replace(finding("a", 'stage "tune_1" is wrong'), code="R201"),
    ]
    merged = merge_row_findings(given, templates)
    kept = [given[index] for index in (0, 2, 3, 4, 5, 7)]
    assert [each.message for each in merged] == [each.message for each in kept]
    assert [each.fix for each in merged] == [kept[0].fix, None, None, None, None, None]
    assert merge_row_findings(iter(given), {}) == tuple(given)


@pytest.mark.parametrize(("name", "known"), [("fit", True), ("train_asr", True), ("train", False)])
def test_a_name_is_told_to_be_one_of_rows_where_these_have_it(name, known):
    text = "stages: [{matrix: {n: [1, 2]}, stages: [train_asr, train_lm, 'fit_${matrix.n}']}]"
    root, _ = read_text(Source("recipe.yaml", text))
    assert isinstance(root, Mapping)
    assert (expand(root).group_names.rows_hint("stages", name) is not None) == known


def test_a_manifest_without_groups_is_left_alone():
    root, _ = read_text(Source("recipe.yaml", "stages: [train]"))
    assert isinstance(root, Mapping)
    assert expand(root).root is root


def test_the_written_out_manifest_builds_the_same(tmp_path):
    by_hand = minimal(
        tmp_path / "hand",
        old="stages: [train]\n",
        new="""\
stages:
  - train
  - {name: tune_1, run: train, init_from: train, description: a}
  - {name: tune_2, run: train, init_from: tune_1, description: b}
""",
    )
    builds = []
    for manifest in (with_group(tmp_path / "group"), by_hand):
        outcome = compile_manifest(manifest)
        assert outcome.plan is not None
        files = build_files(outcome.plan, manifest.parent / "build")
        kept = {name: text for name, text in files.items() if name != "recipe.lock.json"}
        stages = json.loads(files["recipe.lock.json"])["stages"]
        without_digest = [line for line in kept.pop("system.py").splitlines() if "sha" not in line]
        kept.pop("run.py")
        builds.append((kept, stages, without_digest))
    assert builds[0] == builds[1]


@pytest.mark.parametrize(
    "note",
    ['"""\nimport os\n"""', "x')\nimport os  #", "{{ 7 * 7 }}", "\\", "${", "é\u2028\x00"[:2], "}"],
)
def test_values_stay_text(tmp_path, note):
    if "${" in note:
        note = "\\" + note
    outcome = compile_manifest(with_group(tmp_path, note))
    assert outcome.plan is not None, outcome.diagnostics
    files = build_files(outcome.plan, tmp_path / "build")
    tree = ast.parse(files["system.py"])
    said = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    assert imports == []
    assert outcome.plan.stages[1].description in said


def test_findings_about_expanded_stages_stand_at_the_group(tmp_path):
    manifest = with_group(tmp_path)
    build = tmp_path / "build"
    done = run("-m", "espnet3_compiler", manifest)
    assert done.returncode == 0, done.stderr
    line = manifest.read_text().splitlines().index("      - name: tune_${matrix.round}") + 1
    assert str(locate(build, "tune_2")).endswith(f"recipe.yaml:{line}:15")


def test_one_mistake_in_a_group_is_one_finding(tmp_path):
    manifest = with_group(tmp_path)
    text = manifest.read_text().replace("run: train", "run: trian").replace("note: b", "note: [b]")
    manifest.write_text(text)
    assert [f.code for f in compile_manifest(manifest).diagnostics] == ["R602", "R401"]


@pytest.mark.parametrize(
    ("reference", "code", "place"),
    [("${oc.evn:HOME}", "R303", "oc.evn"), ("${matirx.round}", "R301", "matirx")],
)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tune_${matrix.round}", "tune_%s"),
        ("${matrix.start}", "%s"),
        ("${matrix.note}", "Round %s of ${matrix.round}"),
        ("    stages:\n", "    configs: {'c_%s': {seed: 1}}\n    stages:\n"),
    ],
    ids=["name", "init_from", "description", "config"],
)
def test_a_wrong_reference_in_a_name_is_told_at_its_place(
    tmp_path, old, new, reference, code, place
):
    manifest = with_group(tmp_path)
    manifest.write_text(manifest.read_text().replace(old, new % reference))
    (finding,) = compile_manifest(manifest).diagnostics
    assert (finding.code, finding.primary.span.text) == (code, place)
    assert finding.fix is not None


def test_no_fix_replaces_a_pattern(tmp_path):
    manifest = with_group(tmp_path)
    text = manifest.read_text().replace(
        "        description", '        needs: ["trai${matrix.round}"]\n        description'
    )
    manifest.write_text(text)
    before = manifest.read_text()
    (finding,) = compile_manifest(manifest).diagnostics
    assert finding.fix is None
    run("-m", "espnet3_compiler", "--fix", manifest)
    assert manifest.read_text() == before


def test_a_fix_mends_the_value_in_its_row(tmp_path):
    manifest = with_group(tmp_path)
    good = manifest.read_text()
    manifest.write_text(good.replace("start: tune_1", "start: tnue_1"))
    run("-m", "espnet3_compiler", "--fix", manifest)
    assert manifest.read_text() == good


def test_expanded_names_work_on_the_command_line(tmp_path):
    manifest = copy("rounds", tmp_path / "rounds")
    outcome = compile_manifest(manifest, ["tune_2.optimizer.lr=7.0"])
    assert outcome.resolved is not None
    rates = [to_python(outcome.resolved.configs[f"tune_{n}"])["optimizer"]["lr"] for n in (1, 2, 3)]
    assert rates == [1e-3, 7.0, 2.5e-4]
    listed = run(manifest.parent / "build" / "run.py", "--list", "--stages", "tune_2", "label_1")
    assert listed.returncode == 0, listed.stderr
    assert "tune_2" in listed.stdout


def test_the_golden_build_is_not_touched_by_a_compile(tmp_path):
    manifest = copy("rounds", tmp_path / "rounds")
    before = texts(manifest.parent / "build")
    done = run("-m", "espnet3_compiler", manifest)
    assert done.returncode == 0, done.stderr
    assert texts(manifest.parent / "build") == before


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("${stages.tune_${matrix.n}.x}", ["tune_", "${matrix.n}"]),
        ("${stages.${matrix.n}_${ matrix.m }z.x}", ["${matrix.n}", "_", "${ matrix.m }", "z"]),
    ],
)
def test_a_value_of_a_matrix_is_part_of_a_key(text, parts):
    (piece,), finding = parse(Scalar(text, Span(Source("t", text), 0, len(text))))
    assert finding is None
    key = piece.keys[1]
    assert [part if isinstance(part, str) else part.span.text for part in key.name.parts] == parts
    assert key.span.text == "".join(parts)
