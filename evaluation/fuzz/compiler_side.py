"""Input of the compiler: YAML, expressions, manifests, configs, ``--set``, the recipe's Python."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from espnet3_compiler.build.files import build_files
from espnet3_compiler.diagnostics.codes import BY_NUMBER
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.expressions.template import parse
from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.relock.relock import compile_lock
from espnet3_compiler.syntax.read import read_file
from espnet3_compiler.syntax.tree import Scalar
from espnet3_schemas import LOCK
from evaluation.fuzz.built import BUILD, compiled
from evaluation.fuzz.judge import Try
from evaluation.fuzz.shape import check_build

ROOT = Path(__file__).parents[2]
CONFIG = "conf/training.yaml"
_SEED_SIZE = 4000  # bytes
_EXPRESSIONS = (
    *(b"${a.b}", b"${.a}", b"${..a[0].b}", b"x${a}y${b}z", b"${a.${b.c}}", b"\\${a}", b"\\\\${a}"),
    *(b"${oc.env:HOME}", b"${oc.env:A,b}", b"${oc.env:A,${oc.env:B,'c d'}}", b"${oc.env:A,null}"),
    *(b"${stages.train.best_checkpoint}", b"${self_name:}", b"${config_path:a/b.txt}"),
    *(b"${load_line:x.txt}", b"${oc.select:a.b,1e-3}", b"${oc.select:a,'}'}", b"${ a . b }"),
    *(b"a: ${oc.env:X, d}/b", b"${models.net.size}", b"${configs.training.seed}"),
)


def yaml_seeds(_directory: Path) -> Sequence[bytes]:
    """Return every YAML file of the repository's recipes and cases."""
    paths = [*(ROOT / "recipes").rglob("*.yaml"), *(ROOT / "tests" / "cases").rglob("*.yaml")]
    kept = [path for path in sorted(paths) if not {"build", "exp", "data"} & {*path.parts}]
    return [data for path in kept if len(data := path.read_bytes()) <= _SEED_SIZE]


def reads(directory: Path) -> Try:
    """Return what reads bytes as a YAML file and looks at every finding and scalar."""
    path = directory / "x.yaml"

    def attempt(data: bytes) -> bool:
        path.write_bytes(data)
        root, _, found = read_file(path, "x.yaml", path.parent)
        _check(found)
        assert root is not None or found
        return not found

    return attempt


def expression_seeds(_directory: Path) -> Sequence[bytes]:
    """Return expressions of every form."""
    return _EXPRESSIONS


def parses(_directory: Path) -> Try:
    """Return what parses a text with references."""

    def attempt(data: bytes) -> bool:
        text = data.decode("utf-8", "replace")
        pieces, bad = parse(Scalar(text, Span(Source("x", text), 0, len(text)), "plain"))
        _check([bad] if bad else [])
        assert pieces or bad or not text
        return bad is None

    return attempt


def manifest_seeds(directory: Path) -> Sequence[bytes]:
    """Return the manifest of the recipe in the directory, and the small ones of the cases."""
    others = sorted((ROOT / "tests" / "cases" / "ok").glob("*.yaml"))
    return [(directory / "recipe.yaml").read_bytes(), *(path.read_bytes() for path in others)]


def config_seeds(directory: Path) -> Sequence[bytes]:
    """Return the configs of the recipe."""
    return [path.read_bytes() for path in sorted((directory / "conf").glob("*.yaml"))]


def source_seeds(directory: Path) -> Sequence[bytes]:
    """Return the Python files of the recipe and some of ours."""
    ours = sorted((ROOT / "compiler" / "espnet3_compiler" / "signature").glob("*.py"))
    paths = [*sorted((directory / "src").glob("*.py")), *ours]
    return [data for path in paths if (data := path.read_bytes())]


def set_seeds(_directory: Path) -> Sequence[bytes]:
    """Return arguments of ``--set``."""
    return (
        *(b"training.seed=1", b"recipe.exp_tag=x", b"training.optimizer={_target_: a.b, lr: 1e-3}"),
        *(
            b"~training.trainer.max_epochs",
            b"training.dataset.train[0].name=x",
            b"net.size=${training.seed}",
        ),
        *(b"inference.batch_size=4", b"training.trainer.callbacks=[]"),
    )


def compiles(name: str) -> Callable[[Path], Try]:
    """Return what compiles the recipe with one file replaced."""

    def prepare(directory: Path) -> Try:
        good = _compiled(directory)
        path = directory / name
        assert path.exists(), path

        def attempt(data: bytes) -> bool:
            path.write_bytes(data)
            return _compile(directory, good)

        return attempt

    return prepare


def sets(directory: Path) -> Try:
    """Return what compiles the recipe with one ``--set``."""
    good = _compiled(directory)

    def attempt(data: bytes) -> bool:
        return _compile(directory, good, data.decode("utf-8", "replace"))

    return attempt


def relock_seeds(directory: Path) -> Sequence[bytes]:
    """Return the lock of the recipe in the directory."""
    return [(directory / BUILD / LOCK).read_bytes()]


def relocks(directory: Path) -> Try:
    """Return what compiles a lock."""
    _compiled(directory)
    path = directory / BUILD / LOCK

    def attempt(data: bytes) -> bool:
        path.write_bytes(data)
        outcome = compile_lock(path)
        _check(outcome.diagnostics)
        return outcome.ok

    return attempt


def _compiled(directory: Path) -> dict[str, str]:
    """Return the good build, with signatures cached apart from those of the user."""
    os.environ["ESPNET3_COMPILE_CACHE"] = str(directory.parent / "cache")
    return compiled(directory)


def _compile(directory: Path, good: dict[str, str], *values: str) -> bool:
    outcome = compile_manifest(directory / "recipe.yaml", sets=values)
    _check(outcome.diagnostics)
    if outcome.plan is not None:
        check_build(build_files(outcome.plan, directory / BUILD), good)
    return outcome.ok


def _check(found: Sequence[Diagnostic]) -> None:
    """Assert that a finding can be shown: its places lie in its texts."""
    for finding in found:
        assert finding.code in BY_NUMBER
        assert finding.message
        for label in (finding.primary, *finding.related):
            span = label.span
            assert 0 <= span.start <= span.end <= len(span.source.text), finding
            span.source.line_column(span.end)
