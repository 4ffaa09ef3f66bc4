"""One finding for each mistake of form, at its place, with the fix."""

import pytest

from espnet3_compiler.diagnostics.source import ProvenanceStep, Source, Span
from espnet3_compiler.schema.validate import validate_tree
from espnet3_compiler.syntax.read import read_text
from espnet3_compiler.syntax.tree import Entry, Mapping, Scalar
from espnet3_schemas import load

MANIFEST = "version: 1\nrecipe: digits/asr\nsystem: asr\nstages: [train]\n"


def tree(text, kind="file"):
    node, found = read_text(Source("t.yaml", text, kind))
    assert not found
    return node


def check(text, schema="training", *, lenient=False):
    return validate_tree(tree(text), load(schema), lenient_references=lenient)


def place(finding):
    span = finding.primary.span
    return *span.source.line_column(span.start), span.text


def fixed(finding):
    """Return the text with the fix applied, and whether the fix is certain."""
    if finding.fix is None:
        return None
    (edit,) = finding.fix.edits
    text = edit.span.source.text
    return text[: edit.span.start] + edit.text + text[edit.span.end :], finding.fix.certain


@pytest.mark.parametrize(
    ("text", "code", "column", "marked", "fix"),
    [
        # unknown keys
        ("optimiser: {_target_: a.B}", "R601", 1, "optimiser", "optimizer: {_target_: a.B}"),
        ("'sede': 1", "R601", 1, "'sede'", "'seed': 1"),
        ('"sede": 1', "R601", 1, '"sede"', '"seed": 1'),
        ("trainer: {max_epoch: 3}", "R601", 11, "max_epoch", "trainer: {max_epochs: 3}"),
        ("dataset: {train: [{nmae: a}]}", "R601", 20, "nmae", "dataset: {train: [{name: a}]}"),
        ("scheduler: {_taget_: a.B}", "R601", 13, "_taget_", "scheduler: {_target_: a.B}"),
        ("scheduler: {target: a.B}", "R601", 13, "target", "scheduler: {_target_: a.B}"),
        ("scheduler: {_target_: a.B, _arg_: [1]}", "R601", 28, "_arg_", None),
        ("scheduler: {_target_: a.B, x: {_taget_: c.D}}", "R601", 32, "_taget_", None),
        ("scheduler: {_target_: a.B, x: [{_tagret_: c.D}]}", "R601", 33, "_tagret_", None),
        ("tokenizer: {vocab_sze: 9}", "R601", 13, "vocab_sze", "tokenizer: {vocab_size: 9}"),
        ("bananas: 1", "R601", 1, "bananas", None),
        # wrong types
        ("average: on", "R602", 10, "on", "average: true"),
        ("average: No", "R602", 10, "No", "average: false"),
        ('average: "true"', "R602", 10, '"true"', "average: true"),
        ("average: 1", "R602", 10, "1", None),
        ("seed: '3'", "R602", 7, "'3'", "seed: 3"),
        ("seed: 3.0", "R602", 7, "3.0", "seed: 3"),
        ("seed: 1e3", "R602", 7, "1e3", "seed: 1000"),
        ("seed: 3.5", "R602", 7, "3.5", None),
        ("seed: 1_000", "R602", 7, "1_000", "seed: 1000"),
        ("seed: None", "R602", 7, "None", "seed: null"),
        ("ema: {decay: 0.oo5}", "R602", 14, "0.oo5", "ema: {decay: 0.005}"),
        ("ema: {decay: 0.l}", "R602", 14, "0.l", "ema: {decay: 0.1}"),
        ("trainer: {gradient_clip_val: inf}", "R602", 30, "inf", None),
        ("freeze: encoder", "R602", 9, "encoder", "freeze: [encoder]"),
        ("freeze: {a: 1}", "R602", 9, "{a: 1}", None),
        ("freeze:\n  a: 1\n  b: 2", "R602", 1, "freeze", None),
        ("tokenizer: {vocab_size: 9, field: 3}", "R602", 35, "3", None),
        ("optimizer: torch.optim.Adam", "R602", 12, "torch.optim.Adam", None),
        ("trainer:", "R602", 1, "trainer", None),
        ("trainer: [{max_epochs: 3}]", "R602", 10, "[{max_epochs: 3}]", None),
        ("trainer:\n  - max_epochs: 3\n  - devices: 1", "R602", 1, "trainer", None),
        ("dataset: {train: {data_src: a}}", "R602", 18, "{data_src: a}", None),
        ("compile: [true]", "R602", 10, "[true]", None),
        # missing keys
        ("tokenizer: {field: text}", "R603", 1, "tokenizer", None),
        ("optimizer: {lr: 0.1}", "R603", 1, "optimizer", None),
        ("optimizers: {a: {optimizer: {_target_: a.B}}}", "R603", 14, "a", None),
        ("trainer: {callbacks: [{x: 1}]}", "R603", 24, "x", None),
        ("model: {hidden_size: 3}", "R603", 1, "model", None),
        # values
        ("nan_policy: skipp", "R604", 13, "skipp", "nan_policy: skip"),
        ("nan_policy: 'skpi'", "R604", 13, "'skpi'", "nan_policy: 'skip'"),
        ("nan_policy: bananas", "R604", 13, "bananas", None),
        ("trainer: {precision: 32-treu}", "R604", 22, "32-treu", "trainer: {precision: 32-true}"),
        ("trainer: {precision: 17}", "R604", 22, "17", None),
        ("trainer: {deterministic: wran}", "R604", 26, "wran", "trainer: {deterministic: warn}"),
        ("seed: -1", "R605", 7, "-1", None),
        ("parallel: {n_workers: 0}", "R605", 23, "0", None),
        ("ema: {decay: 1.0}", "R605", 14, "1.0", None),
        ("ema: {decay: .nan}", "R605", 14, ".nan", None),
        ("ema: {decay: -0.1}", "R605", 14, "-0.1", None),
        ("early_stopping: {monitor: ''}", "R605", 27, "''", None),
        ("best_model_criterion: []", "R605", 23, "[]", None),
        ("best_model_criterion: [[valid/loss, 3]]", "R605", 24, "[valid/loss, 3]", None),
        ("best_model_criterion: [[valid/loss, 3, mni]]", "R604", 40, "mni", None),
        ("optimizer: {_target_: Adam}", "R606", 23, "Adam", None),
        ("trainer: {devices: on}", "R606", 20, "on", None),
        ("trainer: {strategy: dpp}", "R606", 21, "dpp", None),
        ("trainer: {max_time: 1h}", "R606", 21, "1h", None),
        # keys that exclude each other
        ("optimizers: {}\noptimizer: {_target_: a.B}", "R607", 1, "optimizer", None),
    ],
)
def test_one_mistake_is_one_finding(text, code, column, marked, fix):
    (finding,) = check(text)
    assert finding.code == code
    assert place(finding)[1:] == (column, marked)
    if fix is not None:
        assert fixed(finding) == (fix, True)
        assert not check(fix)


@pytest.mark.parametrize(
    "text",
    [
        "optimizer: null",
        "scheduler: {_target_: a.B, _private: 1, x: {target: c.D, y: {_any_: 1}}}",
        "optimizer: {_target_: a.B, lr: 1e-3}",
        "optimizer: null\noptimizers: {a: {optimizer: {_target_: a.B}, params: encoder}}",
        "trainer: {devices: [0, 1], strategy: {_target_: a.B}, precision: 16, logger: false}",
        "trainer: {devices: auto, max_time: '00:12:00:00', limit_train_batches: 0.5}",
        "dataset: {preprocessor: {_target_: a.B, anything: 1}}",
        "dataset: {preprocessor: {train: {_target_: a.B}, valid: null}}",
        "model: {task: espnet2.tasks.asr.ASRTask, encoder: conformer}",
        "seed: ${oc.env:SEED,3}",
        "average: ${oc.env:AVERAGE}",
        "tokenizer: {vocab_size: 9, field: '${stages.a.b}', train_file: 'x/${oc.env:HOME}'}",
    ],
)
def test_what_is_right_is_silent(text):
    assert not check(text)


def test_the_whole_of_a_mapping_is_looked_at():
    findings = check(
        "sede: 1\n"
        "average: on\n"
        "trainer:\n"
        "  max_epoch: 3\n"
        "  devices: on\n"
        "dataset:\n"
        "  train:\n"
        "    - 3\n"
        "    - {nmae: x, split: y}\n"
    )
    assert [(finding.code, place(finding)[0]) for finding in findings] == [
        ("R601", 1),
        ("R602", 2),
        ("R601", 4),
        ("R606", 5),
        ("R602", 8),
        ("R601", 9),
        ("R601", 9),
    ]


@pytest.mark.parametrize(
    ("text", "help_"),
    [
        ("num_device: 1", "write trainer: {devices: ...}"),
        ("init: xavier_uniform", "initialise the weights in the model's constructor"),
        ("exp_dir: exp", "write exp_dir at the top of the manifest"),
        ("stats_dir: exp/stats", "${stages.collect_stats.feats_stats}"),
        ("dataset: {_target_: a.B}", "the runtime arranges the data sets itself"),
        ("dataloader: {train: {iter_factory: null}}", "batches"),
        ("dataset: {train: [{split: train}]}", "data_src_args: {split: ...}"),
        ("defaults: [_self_]", "extends: NAME"),
        ("batch_size: 3", "for batch_size write dataloader"),
        ("vocab_size: 3", '"tokenizer"'),
        ("max_epochs: 3", '"trainer"'),
        ("average: on", '"on" is text in YAML 1.2; write true'),
        ("optimizer: torch.optim.Adam", "write {_target_: torch.optim.Adam}"),
        ("seed: [3]", "without brackets"),
        ("trainer:", "indent its keys under it, or write {} for none"),
    ],
)
def test_advice(text, help_):
    (finding,) = check(text)
    assert any(help_ in line for line in finding.help)


def test_a_slip_beside_the_right_key_offers_no_edit():
    (finding,) = check("dataset:\n  trian: []\n  train: []\n")
    assert finding.help == ('did you mean "train"?',)
    assert [(label.span.text, label.text) for label in finding.related] == [
        ("train", "already given here")
    ]
    assert finding.fix is None


def test_a_default_does_not_count_as_given():
    """After composition every key is there; only those of the same text can be repeated."""
    (wrong,) = tree("sede: 1").entries
    (default,) = tree("seed: 0", "schema").entries
    node = Mapping((default, wrong), wrong.value.span)
    (finding,) = validate_tree(node, load("training"), lenient_references=False)
    assert fixed(finding) == ("seed: 1", True)


def test_a_default_conflicts_with_nothing():
    (default,) = tree("optimizer: {_target_: a.B}", "schema").entries
    (written,) = tree("optimizers: {}").entries
    node = Mapping((default, written), written.value.span)
    assert not validate_tree(node, load("training"), lenient_references=False)


@pytest.mark.parametrize("reference", ["${configs.a.b}", "${.b}", "${stages.train.x}", "${a}${b}"])
def test_before_resolution_a_reference_stands_for_anything(reference):
    assert not check(f"models: {{a: '{reference}'}}\n{MANIFEST}", "recipe", lenient=True)


def test_after_resolution_an_output_is_text():
    (finding,) = check("seed: ${stages.train.best_checkpoint}")
    assert finding.code == "R602"


def test_an_escaped_reference_is_text():
    (finding,) = check(r"seed: '\${oc.env:SEED}'")
    assert finding.code == "R602"


def test_text_around_a_reference_stays_text():
    (finding,) = check("seed: x${oc.env:SEED}")
    assert finding.code == "R602"
    assert not check("optimizer: {_target_: 'a.${oc.env:NAME}'}")


def test_a_fetched_value_is_reported_where_it_is_used():
    use, origin = Source("use.yaml", "seed: ${configs.b.name}"), Source("b.yaml", "name: foo")
    fetched = Span(use, 6, 23)
    value = Scalar("foo", Span(origin, 6, 9), via=(ProvenanceStep("interpolation", fetched),))
    node = Mapping((Entry(Scalar("seed", Span(use, 0, 4)), value),), Span(use, 0, 23))
    (finding,) = validate_tree(node, load("training"), lenient_references=False)
    assert finding.primary.span == fetched
    assert [(label.span.text, label.text) for label in finding.related] == [("foo", "written here")]
    assert finding.fix is None


def test_an_inherited_value_is_reported_where_it_is_written():
    base, child = Source("base.yaml", "seed: foo"), Source("r.yaml", "extends: base")
    value = Scalar("foo", Span(base, 6, 9), via=(ProvenanceStep("extends", Span(child, 9, 13)),))
    node = Mapping((Entry(Scalar("seed", Span(base, 0, 4)), value),), Span(base, 0, 9))
    (finding,) = validate_tree(node, load("training"), lenient_references=False)
    assert finding.primary.span.source is base
    assert [(label.span.text, label.text) for label in finding.related] == [
        ("base", "inherited here")
    ]


def test_a_value_of_the_command_line_gets_no_edit():
    node = tree("seed: foo\nsede: 1", "set")
    findings = validate_tree(node, load("training"), lenient_references=False)
    assert [finding.code for finding in findings] == ["R602", "R601"]
    assert [finding.fix for finding in findings] == [None, None]


@pytest.mark.parametrize(
    ("text", "code", "marked"),
    [
        ("stagse: [train]", "R601", "stagse"),
        ("stages: []", "R605", "[]"),
        ("stages: [3]", "R602", "3"),
        ("stages: [{run: train}]", "R603", "run"),
        ("stages: [{name: a, run: b, call: c.d}]", "R607", "call"),
        ("stages: [{name: a, with: {}}]", "R603", "with"),
        ("stages: [{name: a, depends_on: [b]}]", "R601", "depends_on"),
        ("stages: [{name: a, call: b}]", "R606", "b"),
        ("stages: ['']", "R605", "''"),
    ],
)
def test_stages(text, code, marked):
    (finding,) = check(f"version: 1\nrecipe: a/b\nsystem: asr\n{text}", "recipe", lenient=True)
    assert (finding.code, place(finding)[2]) == (code, marked)


@pytest.mark.parametrize(
    ("text", "code", "marked"),
    [
        ("models: {a: {hidden: 3}}", "R603", "a"),
        ("models: {a: {_target: x.Y}}", "R601", "_target"),
        ("models: [a]", "R602", "[a]"),
        ("configs: {a: 3}", "R602", "3"),
        ("configs: {a: }", "R602", "a"),
        ("recipe_dir: .", "R601", "recipe_dir"),
        ("training: conf/training.yaml", "R601", "training"),
    ],
)
def test_declarations(text, code, marked):
    (finding,) = check(MANIFEST + text, "recipe", lenient=True)
    assert (finding.code, place(finding)[2]) == (code, marked)


@pytest.mark.parametrize(
    ("old", "new", "code", "marked"),
    [
        ("version: 1", "version: 2", "R604", "2"),
        ("version: 1", "version: '1'", "R602", "'1'"),
        ("recipe: digits/asr", "recipe: digits", "R606", "digits"),
        ("recipe: digits/asr\n", "", "R603", "version"),
    ],
)
def test_head_of_the_manifest(old, new, code, marked):
    (finding,) = check(MANIFEST.replace(old, new), "recipe", lenient=True)
    assert (finding.code, place(finding)[2]) == (code, marked)


@pytest.mark.parametrize(
    ("role", "text", "code", "marked"),
    [
        ("inference", "dataset: {test: [{data_src: a}]}", "R603", "data_src"),
        ("inference", "device: gpu", "R606", "gpu"),
        (
            "inference",
            "output_artifacts: {a: {type: wav, writer: {_target_: b.c}}}",
            "R607",
            "writer",
        ),
        ("inference", "output_artifacts: {a: {}}", "R603", "a"),
        ("inference", "contract: {inputs: {a: {kind: adio}}}", "R604", "adio"),
        ("inference", "output_fn: a.b", "R601", "output_fn"),
        ("metrics", "metrics: [{metric: {_target_: a.B}}]", "R603", "metric"),
        ("metrics", "metrics: [{metric: {_target_: a.B}, inputs: {ref: 3}}]", "R602", "3"),
        ("publication", "upload_model: {private: true}", "R603", "upload_model"),
        ("publication", "pack_model: {out_dir: x}", "R601", "out_dir"),
        ("demo", "ui: {inputs: [{key: a, type: adio}]}", "R604", "adio"),
        ("demo", "model: {dir_or_tag: x}", "R601", "dir_or_tag"),
    ],
)
def test_other_roles(role, text, code, marked):
    (finding,) = check(text, role)
    assert (finding.code, place(finding)[2]) == (code, marked)


def test_a_list_of_texts_where_lists_are_wanted_is_no_crash():
    (finding,) = check("best_model_criterion: [text]")
    assert finding.code == "R602"
    assert place(finding) == (1, 24, "text")


def test_the_same_number_twice_as_a_key_is_no_crash():
    node, found = read_text(Source("t.yaml", f"{MANIFEST}models:\n  1: foo\n  1: {{}}\n"))
    assert [finding.code for finding in found] == ["R106", "R106"]
    (finding,) = validate_tree(node, load("recipe"), lenient_references=True)
    assert finding.code == "R602"
