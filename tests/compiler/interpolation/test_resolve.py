"""References: values, types, places, and one finding for one cause."""

from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from espnet3_compiler.build.late_values import parts_of
from espnet3_compiler.syntax.tree import Scalar, node_at
from espnet3_schemas.late_values import Env
from tests.compiler.front_kit import front, place

TREE: dict[str, object] = {
    "a": {"b": 1, "l": [10, 20, {"q": 5}], "k": "b", "t": "a.b"},
    "b": 2,
    "n": None,
    "f": 1e-5,
    "tr": True,
    "s": "text",
    "e": "${b}",
    "deep": {"x": {"y": "${..z}", "w": "${.y}"}, "z": "${a.l}"},
    "node": "${a}",
}
TEXTS = [
    "${a.b}",
    "${ a.b }",
    "${a.${a.k}}",
    "${a.l[0]}",
    "${a.l.1}",
    "${a[l][2].q}",
    "${[a].b}",
    "${.b}",
    "${.a.b}",
    "\\${b}",
    "\\\\${b}",
    "\\\\\\${b}",
    "x\\y${b}",
    "a\\",
    "a\\${b",
    "${n}x",
    "${f}x",
    "${tr}x",
    "${s}-${b}",
    "${n}",
    "${tr}",
    "${a.l}",
    "${a}",
    "${node.b}",
    "${node.l.2.q}",
    "${e}",
    "${deep.x.w}",
    "${deep.x}",
    "${oc.select:a.b}",
    "${oc.select:a.z,5}",
    "${oc.select:a.z,x y}",
    "${oc.select:z}",
    "${oc.select:n,3}",
    "${oc.select:${a.k}}",
    "${oc.select:a.z,${b}}",
    "${oc.select:zz.z,'a, ${b}'}",
    "$b {b} ${b}} ",
    "${${a.k}}",
    "${${a.t}}",
    "$${b}",
    "'${b}'",
]


@pytest.mark.parametrize("text", TEXTS)
def test_values_are_those_of_omegaconf(text: str, tmp_path: Path) -> None:
    tree = {"x": text, **TREE}
    done = front(tmp_path, "configs: {c: c.yaml}\n", {"c.yaml": yaml.safe_dump(tree)})
    assert done.codes == []
    expected = OmegaConf.to_container(OmegaConf.create(tree), resolve=True)
    assert isinstance(expected, dict)
    got = done.config("c", "x")
    if isinstance(expected["x"], str):
        assert isinstance(got, str)
        assert OmegaConf.create({"x": got}).x == expected["x"]
    else:
        assert got == expected["x"]
        assert type(got) is type(expected["x"])


@pytest.mark.parametrize(
    ("text", "code", "where", "words"),
    [
        ("${zz}", "R301", "zz", 'there is no "zz" here'),
        ("${a.bb}", "R301", "bb", '"c.a" has no "bb"'),
        ("${a.l.7}", "R301", "7", "is a list of 3 items"),
        ("${a.l[x]}", "R301", "x", "is a list of 3 items"),
        ("${a.b.c}", "R301", "c", '"c.a.b" is a number and has no parts'),
        ("${..b}", "R301", "${..b}", "leads above the top"),
        ("${configs.d.x}", "R301", "d", 'the list of configs has no "d"'),
        ("${configs}", "R301", "${configs}", "is not complete"),
        ("${stages.train}", "R301", "${stages.train}", "is not complete"),
        ("${c.b}", "R301", "c", '"c" stands among the configs'),
        ("${m.v}", "R301", "m", '"m" stands among the models'),
        ("${x}", "R302", "${x}", '"c.x" refers to itself'),
        ("${self_nam:}", "R303", "self_nam", '"self_nam" is no resolver'),
        ("${self_name:1}", "R304", "${self_name:1}", "does not take these arguments"),
        ("${load_line:}", "R304", "${load_line:}", "does not take these arguments"),
        ("${load_line:no.txt}", "R701", "${load_line:no.txt}", '"no.txt" does not exist'),
        ("${load_line:../no.txt}", "R702", "${load_line:../no.txt}", "leaves the recipe"),
        ("${load_line:/etc/hosts}", "R702", "${load_line:/etc/hosts}", "leaves the recipe"),
        ("${oc.env:}", "R304", "${oc.env:}", "does not take these arguments"),
        ("${oc.env:A B}", "R304", "${oc.env:A B}", "does not take these arguments"),
        ("t ${a.l}", "R307", "${a.l}", "is a list and cannot stand inside a text"),
        ("${a.${oc.env:K}}", "R310", "${oc.env:K}", "known only when a stage runs"),
        ("${load_line:${oc.env:K}}", "R310", "${oc.env:K}", "known only when a stage runs"),
        ("${a.b", "R304", "${a.b", "is not closed"),
    ],
)
def test_mistakes(text: str, code: str, where: str, words: str, tmp_path: Path) -> None:
    manifest = "configs: {c: c.yaml}\nmodels: {m: {_target_: a.B, v: 1}}\n"
    tree = {"x": text, "y": "${x}", "z": "see ${y}", **TREE}
    done = front(tmp_path, manifest, {"c.yaml": yaml.safe_dump(tree)})
    assert done.only.code == code
    assert words in done.only.message
    assert done.only.primary.span.text == where
    assert done.only.primary.span.source.name == "c.yaml"


def test_nearest_names_come_with_a_fix(tmp_path: Path) -> None:
    done = front(tmp_path, "configs: {c: {vocab: 3, x: '${vocba}'}}\n")
    assert done.only.help == ('did you mean "vocab"?',)
    assert done.only.fix is not None
    assert [(edit.span.text, edit.text) for edit in done.only.fix.edits] == [("vocba", "vocab")]
    assert done.only.fix.certain


def test_a_missing_namespace_is_added(tmp_path: Path) -> None:
    done = front(tmp_path, "configs: {c: {x: 1}, d: {y: '${c.x}'}}\n")
    assert done.only.fix is not None
    assert [(edit.span.text, edit.text) for edit in done.only.fix.edits] == [("c", "configs.c")]


def test_globals_and_namespaces(tmp_path: Path) -> None:
    done = front(
        tmp_path,
        """
        data_dir: /data
        models: {m: {_target_: src.M, size: "${configs.c.size}", f: "${configs.c.front}"}}
        configs:
          c:
            size: 3
            front: {_target_: src.F, n: "${.._own}"}
            _own: 5
            recipe: own
            a: ["${recipe}", "${recipe_dir}", "${exp_tag}", "${exp_dir}", "${data_dir}/x"]
            m: ${models.m.f.n}
        """,
    )
    assert done.codes == []
    assert done.config("c", "a") == ["own", ".", "recipe", "exp/recipe", "/data/x"]
    assert done.config("c", "m") == 5
    model = done.resolved.models["m"]
    assert node_at(model, ("f", "n")) == Scalar(5, model.span)
    assert done.resolved.globals == {
        "recipe": "digits/asr",
        "recipe_dir": ".",
        "exp_tag": "recipe",
        "exp_dir": "exp/recipe",
        "data_dir": "/data",
    }


def test_resolvers(tmp_path: Path) -> None:
    done = front(
        tmp_path,
        """
        configs:
          c: conf/c.yaml
          d: {s: "${self_name:}", p: "${config_path:x.txt}", abs: "${config_path:/x/y}"}
        """,
        {
            "conf/c.yaml": """
            s: ${self_name:}
            p: ${config_path:../lists/t.txt}
            l: ${load_line:tokens.txt}
            l2: ${load_line:${name}.txt}
            name: tokens
            n: ${set_corpus_and_system:}
            """,
            "conf/tokens.txt": " a \n\nb\n",
        },
    )
    assert done.codes == []
    assert done.config("c", "s") == "c"
    assert done.config("c", "p") == "lists/t.txt"
    assert done.config("c", "l") == ["a", "", "b"]
    assert done.config("c", "l2") == ["a", "", "b"]
    assert done.config("c", "n") == "digits_asr"
    assert done.config("d") == {"s": "recipe", "p": "x.txt", "abs": "/x/y"}
    assert [source.name for source in done.resolved.sources] == ["conf/tokens.txt"]


def test_late_references_stay_and_belong_to_all_who_fetch_them(tmp_path: Path) -> None:
    done = front(
        tmp_path,
        """
        configs:
          c:
            ckpt: ${stages.train.best_checkpoint}
            env: ${oc.env:HOME, '/a, ${b}'}/x
            b: 1
            text: "\\\\${not} ${oc.env:A}"
          d: {got: "${configs.c.ckpt}.bak", all: "${configs.c}"}
        stages:
          - {name: e, call: src.f, with: {c: "${configs.d.got}"}, outputs: {o: "${exp_dir}/o"}}
          - {name: train, init_from: "${stages.e.o}"}
        """,
    )
    assert done.codes == []
    assert done.config("c", "env") == "${oc.env:HOME,'/a, 1'}/x"
    assert done.config("c", "text") == "\\${not} ${oc.env:A}"
    assert done.config("d", "got") == "${stages.train.best_checkpoint}.bak"
    call = done.resolved.calls["e"]
    assert node_at(call, ("with", "c")) == Scalar("${stages.train.best_checkpoint}.bak", call.span)
    assert node_at(call, ("outputs", "o")) == Scalar("exp/recipe/o", call.span)
    assert done.resolved.init_from["train"].value == "${stages.e.o}"
    late = {(r.owner, r.path, r.target) for r in done.resolved.references}
    target = ("stages", "train", "best_checkpoint")
    assert (("configs", "c"), ("ckpt",), target) in late
    assert (("configs", "d"), ("got",), target) in late
    assert (("configs", "d"), ("all", "ckpt"), target) in late
    assert (("stages", "e"), ("with", "c"), target) in late
    assert (("stages", "train"), ("init_from",), ("stages", "e", "o")) in late
    assert (("configs", "c"), ("env",), ("oc.env", "HOME")) in late
    for reference in done.resolved.references:
        if reference.target[0] == "stages":
            assert "${stages." in reference.span.text
    read = {(owner, target) for owner, _, target in late}
    assert (("configs", "d"), ("configs", "c", "ckpt")) in read
    assert (("configs", "c"), ("configs", "c", "b")) in read


def test_what_the_plan_needs_cannot_be_late(tmp_path: Path) -> None:
    done = front(
        tmp_path,
        """
        exp_dir: ${oc.env:X}/y
        configs: {c: {z: "${exp_dir}/q"}}
        stages:
          - {name: e, call: src.f, outputs: {o: "${exp_dir}/o", p: "${stages.e.o}"}}
        """,
    )
    assert done.codes == ["R310", "R310"]
    assert [finding.primary.span.text for finding in done.found] == ["${oc.env:X}", "${stages.e.o}"]


def test_what_needs_a_variable_of_data_dir_now_is_told(tmp_path: Path) -> None:
    done = front(tmp_path, 'data_dir: "${oc.env:X}"\nexp_dir: "${data_dir}/exp"\n')
    (found,) = done.found
    places = [label.span.text for label in (found.primary, *found.related)]
    assert (found.code, places) == ("R310", ['"${data_dir}/exp"', "${oc.env:X}"])


def test_a_circle_is_one_finding_with_all_places(tmp_path: Path) -> None:
    done = front(
        tmp_path,
        """
        configs:
          c: {a: "${b}", b: "x${c.d}", c: {d: "${configs.d.e}"}, out: "${a}", out2: "${c}"}
          d: {e: "${configs.c.a}", all: "${configs.c}"}
        """,
    )
    assert done.only.code == "R302"
    assert done.only.message == ("references lead in a circle: c.a -> c.b -> c.c.d -> d.e -> c.a")
    assert place(done.only) == "recipe.yaml:6:11 ${b}"
    assert [label.span.text for label in done.only.related] == [
        "${c.d}",
        "${configs.d.e}",
        "${configs.c.a}",
    ]


def test_a_part_of_a_mapping_may_refer_to_another_part(tmp_path: Path) -> None:
    done = front(tmp_path, "configs: {c: {a: {b: '${a.c}', c: 1}, d: {e: '${d}'}}}\n")
    assert done.only.message == '"c.d.e" refers to itself'
    assert done.config("c", "a", "b") == 1


def test_bombs_are_bounded(tmp_path: Path) -> None:
    keys = ["a0: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    for i in range(1, 12):
        references = ", ".join([f"'${{a{i - 1}}}'"] * 10)
        keys.append(f"a{i}: [{references}]")
    done = front(tmp_path, "configs: {c: c.yaml}\n", {"c.yaml": "\n".join(keys)})
    assert done.only.code == "R105"
    assert "copy too many values" in done.only.message
    texts = ["t0: " + "x" * 1000]
    texts += [f"t{i}: '" + f"${{t{i - 1}}}" * 10 + "'" for i in range(1, 12)]
    done = front(tmp_path, "configs: {c: c.yaml}\n", {"c.yaml": "\n".join(texts)})
    assert done.only.code == "R105"
    assert "make a text of endless length" in done.only.message


@pytest.mark.parametrize(("lines", "codes"), [(3, []), (4, ["R105"])])
def test_so_many_lines_may_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: int, codes: list[str]
) -> None:
    monkeypatch.setattr("espnet3_compiler.interpolation.resolvers.MAX_LINES", 3)
    files = {"c.yaml": "a: ${load_line:w.txt}\n", "w.txt": "x\n" * lines}
    assert front(tmp_path, "configs: {c: c.yaml}\n", files).codes == codes


def test_long_chains_end_in_a_finding(tmp_path: Path) -> None:
    chain = "\n".join(["k0: 1", *(f"k{i}: ${{k{i - 1}}}" for i in range(1, 3000))][::-1])
    done = front(tmp_path, "configs: {c: c.yaml}\n", {"c.yaml": chain})
    assert done.only.code == "R105"


def test_the_way_of_a_value(tmp_path: Path) -> None:
    done = front(
        tmp_path,
        """
        models: {m: {_target_: src.M, lr: "${configs.easy.lr}"}}
        configs: {base: base.yaml, easy: {extends: base, n: 1}}
        """,
        {"base.yaml": "lr: ${x}\nx: ten\n"},
    )
    assert done.codes == []
    leaf = done.resolved.models["m"].get("lr")
    assert leaf is not None
    assert leaf.span.text == "ten"
    assert [(step.how, step.span.text) for step in leaf.via] == [
        ("interpolation", "${configs.easy.lr}"),
        ("extends", "base"),
        ("interpolation", "${x}"),
        ("extends", "base"),
    ]


def test_a_base_is_judged_by_those_that_extend_it(tmp_path: Path) -> None:
    done = front(
        tmp_path,
        """
        configs: {base: {a: "${b}"}, one: {extends: base, b: 1}, two: {extends: base}}
        """,
    )
    assert done.only.code == "R301"
    assert place(done.only).endswith(" b")
    assert done.config("one", "a") == 1


def test_what_an_unreadable_file_lacks_is_no_second_finding(tmp_path: Path) -> None:
    done = front(tmp_path, "configs: {c: no.yaml, d: {x: '${configs.c.k}', y: 'a${x}'}}\n")
    assert done.only.code == "R701"


def test_a_part_of_a_default_null_was_surely_not_meant(tmp_path: Path) -> None:
    done = front(
        tmp_path,
        """
        models: {m: {_target_: src.M, a: {b: 1}}}
        configs: {t: {collect_stats: {features: "${model.m.a}"}}}
        stages: [{name: train, config: t}]
        """,
    )
    assert done.only.primary.span.text == "model"
    assert done.only.help == ('did you mean "models"?',)


def test_what_an_illegible_name_may_have_been_is_no_second_finding(tmp_path: Path) -> None:
    done = front(
        tmp_path,
        """
        models: {m: {_target_: src.M, x: "${configs.full.a}", y: "${configs.c.z}"}}
        configs: {1: {a: 1}, easy: {extends: full, b: "${a}"}, c: {2: x, d: "${z}"}}
        """,
    )
    assert done.codes == ["R106", "R106"]


@pytest.mark.parametrize(("links", "codes"), [(40, []), (60, ["R105"])])
def test_defaults_that_hold_one_another(links: int, codes: list[str], tmp_path: Path) -> None:
    chain = {
        "x0": "${oc.env:X0}",
        **{f"x{n}": f"${{oc.env:X{n},${{x{n - 1}}}}}" for n in range(1, links)},
    }
    done = front(
        tmp_path, "configs: {c: c.yaml}\n", {"c.yaml": yaml.safe_dump(chain, sort_keys=False)}
    )
    assert done.codes[:1] == codes
    if not codes:
        text = str(done.config("c", f"x{links - 1}"))
        assert text.count("${") == links
        (outer,) = parts_of(text)
        assert isinstance(outer, Env)
        assert outer.name == f"X{links - 1}"
