"""The command line: what is written where, and with which exit code."""

import json
import sys
from pathlib import Path

import pytest

from espnet3_compiler.recompile import recompose
from tests.access_kit import run_as_stranger, run_mounted_read_only
from tests.compiler.recipe_kit import call, copy, minimal, run, texts

MISTAKE = {"old": "in_features", "new": "in_featurs"}
UNUSED = {"old": "configs:", "new": "configs:\n  spare: {a: 1}"}


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)


def test_a_clean_manifest_is_built_beside_it(tmp_path: Path, capsys) -> None:
    manifest = minimal(tmp_path / "recipe")
    assert call(manifest) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "../recipe/recipe.yaml: no mistakes; " in err
    assert "wrote ../recipe/build; run it: python ../recipe/build/run.py --stages all" in err
    assert {"run.py", "system.py", "recipe.lock.json"} < set(texts(manifest.parent / "build"))
    assert call(manifest) == 0
    assert "../recipe/build is up to date" in capsys.readouterr().err


def test_output_names_another_directory(tmp_path: Path) -> None:
    manifest = minimal(tmp_path / "recipe")
    assert call(manifest, "-o", "out/here") == 0
    lock = json.loads(Path("out/here/recipe.lock.json").read_text())
    assert lock["manifest"] == "../../../recipe/recipe.yaml"
    assert not (manifest.parent / "build").exists()
    result = run(Path("out/here/run.py").absolute(), "--list")
    assert result.returncode == 0, result.stderr
    assert "train" in result.stdout


def test_python_with_a_safe_path_runs_a_build(tmp_path: Path) -> None:
    manifest = copy("own_system", tmp_path / "recipe")
    assert call(manifest) == 0
    result = run("-P", tmp_path / "recipe/build/run.py", "--list")
    assert result.returncode == 0, result.stderr
    assert "polish_again" in result.stdout


def test_a_mistake_leaves_the_old_build(tmp_path: Path, capsys) -> None:
    manifest = minimal(tmp_path)
    assert call(manifest) == 0
    before = texts(tmp_path / "build")
    minimal(tmp_path, **MISTAKE)
    assert call(manifest) == 1
    assert "error[R502 unknown-argument]" in capsys.readouterr().err
    assert texts(tmp_path / "build") == before


def test_check_writes_nothing(tmp_path: Path) -> None:
    manifest = minimal(tmp_path / "recipe")
    before = texts(tmp_path)
    assert call("--check", manifest) == 0
    minimal(tmp_path / "bad", **MISTAKE)
    assert call("--check", tmp_path / "bad") == 1
    assert set(texts(tmp_path)) == {*before, "bad/recipe.yaml"}


def test_check_tells_of_a_build_that_is_not_of_this_manifest(tmp_path: Path, capsys) -> None:
    manifest = minimal(tmp_path)
    call(manifest)
    for name in ("system.py", "conf/training.yaml", "recipe.lock.json"):
        path = tmp_path / "build" / name
        good = path.read_text()
        path.write_text(good.replace("train", "trein", 1))
        capsys.readouterr()
        assert call("--check", manifest) == 0
        err = capsys.readouterr().err
        assert "is not what the manifest compiles to" in err
        assert name in err
        assert call("--check", "--strict", manifest) == 1
        path.write_text(good)
    capsys.readouterr()
    assert call("--check", "--strict", manifest) == 0
    assert "is not what" not in capsys.readouterr().err
    (tmp_path / "build/conf/training.yaml").unlink()
    assert call("--check", "--strict", manifest) == 1


@pytest.mark.parametrize("text", ["[]", '{"code": null}', "[" * 100_000])
def test_a_lock_that_is_none_is_reported_and_not_replaced(
    text: str, tmp_path: Path, capsys
) -> None:
    manifest = minimal(tmp_path)
    assert call(manifest) == 0
    (tmp_path / "build/recipe.lock.json").write_text(text)
    assert call("--check", "--strict", manifest) == 1
    assert "recipe.lock.json" in capsys.readouterr().err
    assert call(manifest) == 2
    assert "no build of espnet3-compile" in capsys.readouterr().err
    assert not recompose(tmp_path / "build", {}, []).ok


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--format", "xml", "x"],
        ["--graph=dot", "x"],
        ["--no-such-flag", "x"],
        ["--set"],
        ["--init", "new", "x"],
        ["--init", "new", "--from-espnet3", "old"],
        ["--force", "x"],
    ],
)
def test_wrong_usage(words: list[str], capsys) -> None:
    assert call(*words) == 2
    assert "usage: espnet3-compile" in capsys.readouterr().err
    assert list(Path().iterdir()) == []


def test_somebody_elses_directory_is_not_taken(tmp_path: Path, capsys) -> None:
    manifest = minimal(tmp_path / "recipe")
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "chapter1.tex").write_text("years")
    assert call(manifest, "-o", thesis) == 2
    assert "is no build of espnet3-compile" in capsys.readouterr().err
    assert texts(thesis) == {"chapter1.tex": b"years"}


def test_a_file_in_the_way_of_the_directory(tmp_path: Path, capsys) -> None:
    manifest = minimal(tmp_path / "recipe")
    (tmp_path / "file").write_text("mine")
    assert call(manifest, "-o", tmp_path / "file" / "build") == 1
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.parametrize("start", [run_mounted_read_only, run_as_stranger])
def test_reading_needs_no_write_access(start, tmp_path: Path) -> None:
    manifest = minimal(tmp_path / "recipe")
    program = (sys.executable, "-m", "espnet3_compiler", "recipe.yaml")
    done = start(manifest.parent, *program)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: cannot write build: ")
    assert call(manifest) == 0
    for words in (["--check", "--strict"], ["--graph", "text"], ["--why", "training.seed"], []):
        done = start(manifest.parent, *program, *words)
        assert done.returncode == 0, done.stderr
    assert "build is up to date" in done.stderr
    manifest.write_text(manifest.read_text().replace(*MISTAKE.values()))
    before = texts(manifest.parent)
    done = start(manifest.parent, *program, "--fix")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[0].startswith("error: cannot write a fix: ")
    assert texts(manifest.parent) == before


def test_python_without_locks_says_so_once(tmp_path: Path) -> None:
    manifests = [minimal(tmp_path / "one"), minimal(tmp_path / "two")]
    program = (
        "import sys; sys.modules['fcntl'] = None\n"
        "from espnet3_compiler.cli.main import main\nraise SystemExit(main(sys.argv[1:]))"
    )
    done = run("-c", program, *manifests)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("no locks here (flock): start no other compile meanwhile") == 1
    assert (tmp_path / "two/build/recipe.lock.json").exists()


def test_strict_makes_mistakes_of_warnings(tmp_path: Path, capsys) -> None:
    manifest = minimal(tmp_path, **UNUSED)
    assert call("--check", manifest) == 0
    assert "warning[R207 unused-config]" in capsys.readouterr().err
    assert call("--strict", manifest) == 1
    assert not (tmp_path / "build").exists()
    assert call(manifest) == 0
    assert (tmp_path / "build").exists()


@pytest.mark.parametrize("form", ["json", "sarif", "github"])
def test_machine_formats_stand_alone_on_stdout(tmp_path: Path, capsys, form: str) -> None:
    manifest = minimal(tmp_path, **MISTAKE)
    assert call("--format", form, manifest) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert "R502" in out
    if form != "github":
        assert isinstance(json.loads(out), dict)


def test_set_reaches_the_build(tmp_path: Path) -> None:
    manifest = minimal(tmp_path)
    assert call(manifest, "--set", "training.seed=3", "--set", "net.out_features=5") == 0
    assert "seed: 3" in (tmp_path / "build/conf/training.yaml").read_text()
    assert "out_features: 5" in (tmp_path / "build/models/net.yaml").read_text()
    lock = json.loads((tmp_path / "build/recipe.lock.json").read_text())
    assert lock["set"] == ["training.seed=3", "net.out_features=5"]


def test_fix_mends_what_is_certain(tmp_path: Path, capsys) -> None:
    manifest = minimal(tmp_path, old="in_features", new="in_feature")
    assert call("--fix", manifest) == 0
    assert "fixed ../recipe.yaml:6:36: " in capsys.readouterr().err
    assert "in_features: 8" in manifest.read_text()
    assert (tmp_path / "build/run.py").exists()


def test_what_was_not_fixed_is_still_reported(tmp_path: Path, capsys) -> None:
    manifest = minimal(tmp_path, old="in_features: 8", new="in_feature: 8, bias: 1")
    assert call("--fix", "--check", manifest) == 1
    err = capsys.readouterr().err
    assert "fixed ../recipe.yaml:6:36: " in err
    assert "R504" in err
    assert "1 error" in err
    assert "in_features: 8, bias: 1" in manifest.read_text()


def test_explain(capsys) -> None:
    assert call("--explain", "unknown-key") == 0
    assert capsys.readouterr().out.startswith("# R601 unknown-key (error)")
    assert call("--explain", "R6011") == 2
    assert "there is no code" in capsys.readouterr().err


def test_version(capsys) -> None:
    assert call("--version") == 0
    assert capsys.readouterr().out.startswith("espnet3-compile ")


@pytest.mark.parametrize(
    ("columns", "longest"), [("", 78), ("x", 78), ("30", 40), ("42", 40), ("43", 41), ("90", 88)]
)
def test_the_help_fits_its_columns(capsys, monkeypatch, columns: str, longest: int) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert call("--help") == 0
    lines = capsys.readouterr().out.partition("\noptions:\n")[2].splitlines()
    folded = [line for line in lines if line.startswith("  ") and "NAME_config" not in line]
    assert longest - 12 <= max(map(len, folded)) <= longest


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    manifest = copy("pipeline", tmp_path / "recipe")
    script = (
        "import sys; from espnet3_compiler.cli.main import main\n"
        "code = main(sys.argv[1:])\n"
        "heavy = {'torch', 'lightning', 'numpy', 'espnet3_runtime', 'src', 'dataset'}\n"
        "print(sorted(heavy & set(sys.modules))); sys.exit(code)"
    )
    for words in (
        [],
        ["--check"],
        ["--graph"],
        ["--why", "full.seed"],
        ["--format", "json", "--check"],
    ):
        result = run("-c", script, *words, manifest)
        assert result.returncode == 0, result.stderr
        assert result.stdout.splitlines()[-1] == "[]"


def test_a_check_renders_no_templates(tmp_path: Path) -> None:
    manifest = minimal(tmp_path)
    call(manifest)
    script = (
        "import sys; from espnet3_compiler.cli.main import main\n"
        "main(['--check', sys.argv[1]]); print('jinja2' in sys.modules)"
    )
    assert run("-c", script, manifest).stdout == "False\n"


def test_run_py_names_a_python_without_its_packages(tmp_path: Path) -> None:
    build = minimal(tmp_path).parent / "build"
    assert call(tmp_path) == 0
    done = run("-S", "-E", build / "run.py")
    named = f"error: {sys.executable} has no espnet3_compiler; take the Python of espnet3-compile\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", named)
