"""Composition: which layer wins, what is inherited, and where a value says it comes from."""

from pathlib import Path

import pytest

from espnet3_compiler.compose.merge import MergeRecord, merge_nodes
from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.schema.defaults import SchemaLocation, role_location, schema_defaults
from espnet3_compiler.syntax.read import read_text
from espnet3_compiler.syntax.tree import Mapping, Node, node_at, to_python
from espnet3_schemas import inline_definitions
from tests.compiler.front_kit import front, place, write

SCHEMA = {
    "title": "Small",
    "type": "object",
    "properties": {
        "seed": {"type": "integer", "default": 0},
        "data": {
            "type": "object",
            "default": {},
            "properties": {
                "train": {"type": "array", "items": {"$ref": "#/$defs/entry"}, "default": []},
                "shuffle": {"default": True},
            },
        },
        "tokenizer": {
            "type": ["object", "null"],
            "default": None,
            "properties": {"size": {"type": "integer"}, "kind": {"default": "bpe"}},
        },
        "optimizer": {
            "$ref": "#/$defs/target",
            "default": {"_target_": "torch.optim.Adam", "lr": 0.002},
        },
        "optimizers": {
            "type": ["object", "null"],
            "default": None,
            "additionalProperties": {
                "type": "object",
                "properties": {"optimizer": {"$ref": "#/$defs/target"}, "every": {"default": 1}},
            },
        },
        "free": {"type": "object", "default": {"a": {"b": 1}}},
    },
    "$defs": {
        "target": {"type": "object", "properties": {"_target_": {"type": "string"}}},
        "entry": {"properties": {"src": {"default": None}, "args": {"default": {}}}},
    },
}
SCHEMA = inline_definitions(SCHEMA)


def tree(text: str) -> Node:
    root, found = read_text(Source("f", text))
    assert not found
    assert root is not None
    return root


def composed(*layers: str) -> object:
    slot, record = role_location("small", SCHEMA), MergeRecord()
    node: Node = schema_defaults(slot)
    for layer in layers:
        node = merge_nodes(node, tree(layer), slot, (), record)
    assert not record.found
    return to_python(node)


DEFAULTS = {
    "seed": 0,
    "data": {"train": [], "shuffle": True},
    "tokenizer": None,
    "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.002},
    "optimizers": None,
    "free": {"a": {"b": 1}},
}


@pytest.mark.parametrize(
    ("layers", "changes"),
    [
        (("{}",), {}),
        (("seed: 1", "seed: 2"), {"seed": 2}),
        (("seed:",), {"seed": None}),
        (("data: {shuffle: false}",), {"data": {"train": [], "shuffle": False}}),
        (("tokenizer: {size: 3}",), {"tokenizer": {"kind": "bpe", "size": 3}}),
        (("tokenizer: {size: 3}", "tokenizer: "), {}),
        (
            ("data: {train: [{src: a}, {}]}", "data: {train: [{args: {k: 1}}]}"),
            {"data": {"train": [{"src": None, "args": {"k": 1}}], "shuffle": True}},
        ),
        (("optimizer: {lr: 1}",), {"optimizer": {"_target_": "torch.optim.Adam", "lr": 1}}),
        (("optimizer: {_target_: a.B, x: 1}",), {"optimizer": {"_target_": "a.B", "x": 1}}),
        (
            ("optimizer: {_target_: torch.optim.Adam, betas: 1}",),
            {"optimizer": {"_target_": "torch.optim.Adam", "lr": 0.002, "betas": 1}},
        ),
        (
            ("optimizer: {_target_: a.B, x: 1}", "optimizer: {_target_: 'a.B', y: 2}"),
            {"optimizer": {"_target_": "a.B", "x": 1, "y": 2}},
        ),
        (
            ("optimizer: {_target_: a.B, x: 1}", "optimizer: {y: 2}", "optimizer: {_target_: a.C}"),
            {"optimizer": {"_target_": "a.C"}},
        ),
        (("optimizer: {~lr: }",), {"optimizer": {"_target_": "torch.optim.Adam"}}),
        (("free: {a: {c: 2}}",), {"free": {"a": {"b": 1, "c": 2}}}),
        (("free: {a: {~b: , c: 2}}",), {"free": {"a": {"c": 2}}}),
        (("new: {x: 1}", "new: {y: 2}"), {"new": {"x": 1, "y": 2}}),
        (("new: {x: 1}", "new: [1]", "new: {z: 1}"), {"new": {"z": 1}}),
        (
            ("optimizers: {g: {optimizer: {_target_: a.B}}}",),
            {"optimizers": {"g": {"every": 1, "optimizer": {"_target_": "a.B"}}}},
        ),
    ],
)
def test_layers(layers: tuple[str, ...], changes: dict[str, object]) -> None:
    assert composed(*layers) == {**DEFAULTS, **changes}


def test_a_deleted_default_stays_away() -> None:
    got = composed("~optimizer: ", "seed: 1")
    assert isinstance(got, dict)
    assert "optimizer" not in got


def test_history_keeps_what_gave_way() -> None:
    slot, record = role_location("small", SCHEMA), MergeRecord()
    node: Node = schema_defaults(slot)
    for layer in ("optimizer: {lr: 1}", "optimizer: {lr: 2}", "optimizer: {_target_: a.B}"):
        node = merge_nodes(node, tree(layer), slot, (), record)
    values = [to_python(old) for old in record.history["optimizer", "lr"]]
    assert values == [0.002, 1, 2]


@pytest.mark.parametrize(
    ("base", "over", "code", "raw", "words"),
    [
        ("a: 1", "~b: ", "R308", "~b", 'no key "b" is inherited'),
        ("alpha: 1", "~alpah: ", "R308", "~alpah", "deletes nothing"),
        ("a: 1", "~a: 3", "R602", "3", "takes no value"),
        ("a: {b: 1}", "a: {'~c': }", "R308", "'~c'", 'no key "c"'),
        ("a: [{b: 1}]", "a: [{~b: }]", "R308", "~b", 'no key "b"'),
    ],
)
def test_deletions_of_nothing(base: str, over: str, code: str, raw: str, words: str) -> None:
    record = MergeRecord()
    merge_nodes(tree(base), tree(over), SchemaLocation(), (), record)
    (finding,) = record.found
    assert finding.code == code
    assert finding.primary.span.text == raw
    assert words in finding.message


def test_a_deletion_is_mended() -> None:
    record = MergeRecord()
    merge_nodes(tree("alpha: 1"), tree("'~alpah': "), SchemaLocation(), (), record)
    fix = record.found[0].fix
    assert fix is not None
    assert [(edit.span.text, edit.text) for edit in fix.edits] == [("'~alpah'", "~alpha")]


MANIFEST = """
configs:
  full: conf/full.yaml
  easy:
    extends: full
    trainer: {max_epochs: 5}
    dataset: {train: [{data_src_args: {split: short}}]}
  last: {extends: easy, file: conf/last.yaml, seed: 9}
stages:
  - {name: a, run: train, config: full}
  - {name: b, run: train, config: easy}
  - {name: c, run: train, config: last}
"""
FILES = {
    "conf/full.yaml": """
    seed: 1
    dataset: {train: [{name: one}, {name: two}]}
    trainer: {max_epochs: 50, precision: 16-mixed}
    """,
    "conf/last.yaml": "trainer: {max_epochs: 7, devices: 2}\nseed: 8\n",
}


def test_extends_file_inline_and_set(tmp_path: Path) -> None:
    done = front(tmp_path, MANIFEST, FILES, ("easy.trainer.devices=4", "full.seed=3"))
    assert done.codes == []
    assert done.config("full", "seed") == 3
    assert done.config("easy", "seed") == 3
    assert done.config("last", "seed") == 9
    assert done.config("easy", "trainer", "max_epochs") == 5
    assert done.config("easy", "trainer", "precision") == "16-mixed"
    assert done.config("easy", "trainer", "devices") == 4
    assert done.config("last", "trainer", "devices") == 2
    assert done.config("last", "trainer", "max_epochs") == 7
    assert done.config("full", "trainer", "log_every_n_steps") == 50
    train = done.config("last", "dataset", "train")
    assert train == [
        {
            "data_src": None,
            "data_src_args": {"split": "short"},
            "transform": None,
            "builder_args": {},
        }
    ]
    assert done.composition.configs["last"].bases == ("full", "easy")
    names = [source.name for source in done.composition.configs["last"].sources]
    assert names == ["conf/full.yaml", "conf/last.yaml"]


def test_every_leaf_knows_where_it_was_written_and_how_it_came(tmp_path: Path) -> None:
    done = front(tmp_path, MANIFEST, FILES, ("easy.trainer.devices=4",))
    node = done.composition.configs["last"].node

    def story(*path: str | int) -> tuple[str, str, list[str]]:
        leaf = node_at(node, path)
        assert leaf is not None
        return leaf.span.source.name, leaf.span.text, [step.how for step in leaf.via]

    assert story("seed") == ("recipe.yaml", "9", [])
    assert story("trainer", "devices") == ("conf/last.yaml", "2", [])
    assert story("trainer", "precision") == ("conf/full.yaml", "16-mixed", ["extends", "extends"])
    assert story("trainer", "num_nodes") == ("defaults of training", "1", ["default"])
    precision = node_at(node, ("trainer", "precision"))
    assert precision is not None
    assert [step.span.text for step in precision.via] == ["easy", "full"]
    easy = node_at(done.composition.configs["easy"].node, ("trainer", "devices"))
    assert easy is not None
    assert (easy.span.source.kind, easy.span.text) == ("set", "4")
    old = done.composition.configs["last"].history["trainer", "devices"]
    assert [(node.span.source.name, to_python(node)) for node in old] == [
        ("defaults of training", 1),
        ("--set", 4),
    ]


def test_optimizers_drop_the_default_optimizer_only(tmp_path: Path) -> None:
    groups = "optimizers: {g: {optimizer: {_target_: a.B}, params: x}}"
    done = front(tmp_path, f"configs: {{t: {{{groups}}}}}\nstages: [{{name: train, config: t}}]\n")
    assert done.config("t", "optimizer") is None
    assert done.config("t", "optimizers", "g", "accum_grad_steps") == 1
    stages = "stages: [{name: train, config: t}]\n"
    both = f"configs: {{t: {{optimizer: {{lr: 1}}, {groups}}}}}\n{stages}"
    done = front(tmp_path, both)
    assert done.config("t", "optimizer", "lr") == 1
    done = front(tmp_path, f"configs: {{t: {{optimizers: null}}}}\n{stages}")
    assert done.config("t", "optimizer", "lr") == 0.002


@pytest.mark.parametrize(
    ("manifest", "code", "words", "where"),
    [
        ("configs: {a: {extends: b}}", "R306", '"b" is extended', "recipe.yaml:4:24 b"),
        ("configs: {a: {extends: a}}", "R305", '"a" extends itself', "recipe.yaml:4:24 a"),
        (
            "configs: {a: {extends: b}, b: {extends: c}, c: {extends: b}}",
            "R305",
            "in a circle: b -> c -> b",
            "recipe.yaml:4:41 c",
        ),
        ("configs: {a: no.yaml}", "R701", '"no.yaml" does not exist', "recipe.yaml:4:14 no.yaml"),
        ("configs: {a: {file: ../a.yaml}}", "R702", "leaves", "recipe.yaml:4:21 ../a.yaml"),
        ("configs: {a: /etc/hosts}", "R702", "leaves", "recipe.yaml:4:14 /etc/hosts"),
        ("configs: {a: conf}", "R701", "is a directory", "recipe.yaml:4:14 conf"),
        (
            "configs: {a: '${x}.yaml'}",
            "R606",
            "cannot hold a reference",
            "recipe.yaml:4:14 '${x}.yaml'",
        ),
        (
            "configs: {a: {extends: c, file: e.yaml}, b: {}, c: {}}",
            "R607",
            'two bases: "c" in the manifest and "b" in the file',
            "recipe.yaml:4:24 c",
        ),
        ("configs: {a: l.yaml}", "R602", '"extends" must be the name', "l.yaml:1:10 [b]"),
        ("configs: {a: bad.yaml}", "R101", "is not expected here", "bad.yaml:1:4 -"),
    ],
)
def test_mistakes(manifest: str, code: str, words: str, where: str, tmp_path: Path) -> None:
    files = {"e.yaml": "extends: b\n", "l.yaml": "extends: [b]\n", "conf/x.yaml": "a: 1\n"}
    done = front(tmp_path, manifest + "\n", {**files, "bad.yaml": "a: - b\n"})
    if code == "R101":
        assert done.only.code == code
        assert place(done.only) == where
        return
    assert done.only.code == code
    assert words in done.only.message
    assert place(done.only) == where


def test_a_file_may_name_its_base(tmp_path: Path) -> None:
    files = {"b.yaml": "extends: a\ny: 2\n"}
    done = front(tmp_path, "configs: {a: {x: 1}, b: b.yaml}\n", files)
    assert done.codes == []
    assert done.config("b") == {"x": 1, "y": 2}


def test_a_misspelt_file_is_mended(tmp_path: Path) -> None:
    files = {"conf/training.yaml": "a: 1\n", "conf/inference.yaml": "a: 1\n"}
    done = front(tmp_path, "configs: {a: conf/trainig.yaml}\n", files)
    assert done.only.help == ('did you mean "conf/training.yaml"?',)
    assert done.only.fix is not None


def test_two_configs_may_share_a_file(tmp_path: Path) -> None:
    files = {"f.yaml": "x: 1\nx: 2\n"}
    done = front(tmp_path, "configs: {a: f.yaml, b: {file: f.yaml, y: 1}}\n", files)
    assert done.only.code == "R102"
    assert done.config("b") == {"x": 1, "y": 1}


def test_a_config_from_the_command_line_replaces_the_declaration(tmp_path: Path) -> None:
    write(tmp_path, {"elsewhere/other.yaml": "seed: 5\n"})
    files = {"full": tmp_path / "elsewhere" / "other.yaml"}
    done = front(tmp_path / "recipe", MANIFEST, FILES, config_files=files)
    assert done.codes == []
    assert done.config("full", "seed") == 5
    assert done.config("easy", "trainer", "max_epochs") == 5
    assert done.config("easy", "trainer", "precision") == "32-true"
    done = front(tmp_path / "recipe", MANIFEST, FILES, config_files={"ful": tmp_path})
    assert done.only.code == "R309"
    assert done.only.help == ('did you mean "--full_config"?',)
    done = front(tmp_path / "recipe", MANIFEST, FILES, config_files={"full": tmp_path / "no"})
    assert done.only.code == "R701"


def test_spans_of_mappings_stay_with_the_base(tmp_path: Path) -> None:
    done = front(tmp_path, MANIFEST, FILES, ("full.trainer.devices=2",))
    node = done.composition.configs["easy"].node
    assert node.span.source.name == "conf/full.yaml"
    trainer = node.get("trainer")
    assert isinstance(trainer, Mapping)
    assert trainer.span.source.name == "conf/full.yaml"


@pytest.mark.parametrize(("more", "codes"), [(19, []), (20, ["R105"])])
def test_so_many_configs_may_extend_one_another(tmp_path: Path, more: int, codes: list[str]):
    chained = [f"  c{n}: {{extends: c{n - 1}}}\n" for n in range(1, more + 1)]
    done = front(tmp_path, "configs:\n  c0: {a: 1}\n" + "".join(chained))
    assert done.codes == codes
    assert done.config("c19", "a") == 1
