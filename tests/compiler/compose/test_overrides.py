"""What --set changes, and what is wrong with it."""

from pathlib import Path

import pytest

from espnet3_compiler.syntax.tree import to_python
from tests.compiler.front_kit import front, place


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("c.a=1e-3", ("a",), 1e-3),
        ("c.a=on", ("a",), "on"),
        ("c.a=", ("a",), None),
        ("c.a='x y'", ("a",), "x y"),
        ("c.a=x=y", ("a",), "x=y"),
        ("c.a=[1, {b: 2}]", ("a",), [1, {"b": 2}]),
        ("c.a={b: '${d}'}", ("a",), {"b": 4}),
        ("c.l[1]=9", ("l",), [1, 9]),
        ("c.l.0=9", ("l",), [9, 2]),
        ("c.m[0].x=9", ("m",), [{"x": 9, "y": 2}]),
        ("c.new.deep.er=1", ("new",), {"deep": {"er": 1}}),
        ("c.n.k=1", ("n",), {"k": 1}),
        ("c.o._target_=B", ("o",), {"_target_": "B"}),
        ("c.o.x=3", ("o",), {"_target_": "A", "x": 3}),
        ("~c.o.x", ("o",), {"_target_": "A"}),
        ("~c.d=", (), None),
    ],
)
def test_set(setting: str, path: tuple[str, ...], value: object, tmp_path: Path) -> None:
    config = "{a: 0, l: [1, 2], m: [{x: 1, y: 2}], n: , o: {_target_: A, x: 1}, d: 4}"
    done = front(tmp_path, f"configs: {{c: {config}}}\n", sets=(setting,))
    assert done.codes == []
    got = done.config("c", *path)
    if path:
        assert got == value
        assert type(got) is type(value)
    else:
        assert isinstance(got, dict)
        assert "d" not in got


@pytest.mark.parametrize(
    ("setting", "words", "raw"),
    [
        ("c.a", "cannot be understood", "c.a"),
        ("c=1", "cannot be understood", "c=1"),
        ("=1", "cannot be understood", "=1"),
        ("c..a=1", "cannot be understood", "c..a=1"),
        ("c.a.=1", "cannot be understood", "c.a.=1"),
        ("c.a[x]=1", "cannot be understood", "c.a[x]=1"),
        ("c.l[0]xyz=1", "cannot be understood", "c.l[0]xyz=1"),
        ("c. a=1", "cannot be understood", "c. a=1"),
        (f"c.{'a.' * 99}a=1", "cannot be understood", f"c.{'a.' * 99}a=1"),
        ("d.a=1", "neither a config nor a model", "d"),
        ("c.a.b=1", "is a number, not a mapping", "b"),
        ("c.l.7=1", "no index of a list of 1 items", "7"),
        ("c.l.x=1", "no index of a list of 1 items", "x"),
        ("recipe.exp_tga=x", '"exp_tga" of the recipe cannot be set', "exp_tga"),
        ("recipe.exp_tag.x=1", "cannot be set", "exp_tag"),
        ("recipe.exp_tag=[1]", "must be text, not a list", "recipe.exp_tag=[1]"),
        ("recipe.exp_tag=", "must be text, not null", "recipe.exp_tag="),
    ],
)
def test_bad_settings(setting: str, words: str, raw: str, tmp_path: Path) -> None:
    done = front(tmp_path, "configs: {c: {a: 0, l: [1]}}\n", sets=(setting,))
    assert done.only.code == "R309"
    assert words in done.only.message
    assert done.only.primary.span.text == raw


def test_settings_reach_models_and_the_recipe(tmp_path: Path) -> None:
    manifest = "models: {m: {_target_: src.A, size: 1}}\nconfigs: {c: {x: '${exp_dir}'}}\n"
    sets = ("m.size=2", "recipe.exp_tag=try2", "recipe.data_dir=${recipe}/d")
    done = front(tmp_path, manifest, sets=sets)
    assert done.codes == []
    assert to_python(done.resolved.models["m"]) == {"_target_": "src.A", "size": 2}
    assert done.resolved.globals["exp_dir"] == "exp/try2"
    assert done.resolved.globals["data_dir"] == "digits/asr/d"
    assert done.config("c", "x") == "exp/try2"
    assert [to_python(old) for old in done.composition.models["m"].history["size",]] == [1]
    done = front(tmp_path, manifest, sets=("m._target_=src.B", "m.other=1"))
    assert to_python(done.resolved.models["m"]) == {"_target_": "src.B", "other": 1}


def test_yaml_mistakes_in_settings_have_their_place(tmp_path: Path) -> None:
    done = front(tmp_path, "configs: {c: {a: 0}}\n", sets=("c.a={x: 1, x: 2}",))
    assert done.only.code == "R102"
    assert place(done.only) == "--set:1:12 x"
