"""The log of a stage: what is written, what is shown, what is left as it was."""

import logging
import re
import sys
import warnings
from contextlib import suppress
from pathlib import Path

import pytest

from espnet3_runtime.launch.logs import logged_variables, stage_log, write_header


@pytest.fixture(autouse=True)
def _root_level() -> object:
    root = logging.getLogger()
    before = root.level
    yield
    root.setLevel(before)


def written(path: Path) -> list[str]:
    """Return the lines of a log without their times."""
    return [re.sub(r"^[-\d]+ [:,\d]+ ", "", line) for line in path.read_text().splitlines()]


def test_an_older_log_gets_a_number(tmp_path: Path) -> None:
    for text in "abc":
        with stage_log(tmp_path / "x.log", (), console=False) as log:
            log.info(text)
    found = {path.name: written(path) for path in tmp_path.iterdir()}
    assert found == {
        "x.log": ["INFO    espnet3: c"],
        "x1.log": ["INFO    espnet3: a"],
        "x2.log": ["INFO    espnet3: b"],
    }


@pytest.mark.parametrize("console", [True, False])
def test_what_goes_where(console: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "deep" / "a.log"
    with stage_log(path, ("abcdef",), console=console) as log:
        assert log.name == "espnet3"
        log.getChild("one").info("told")
        log.getChild("one").warning("beware of abcdef")
        log.warning("of no stage")
        logging.getLogger("lightning").warning("of a library")
        warnings.warn("old", FutureWarning, stacklevel=1)
        logging.getLogger("x").debug("left out")
    logging.getLogger("x").error("after the end")
    lines = written(path)
    assert lines[:4] == [
        "INFO    espnet3.one: told",
        "WARNING espnet3.one: beware of ***",
        "WARNING espnet3: of no stage",
        "WARNING lightning: of a library",
    ]
    assert lines[4].startswith("WARNING py.warnings: ")
    assert lines[4].endswith("FutureWarning: old")
    assert not any("left out" in line or "after the end" in line for line in lines)
    shown = capsys.readouterr().err.splitlines()
    if console:
        assert shown[0] == "  WARNING: beware of ***"
        assert "FutureWarning: old" in shown[1]
    assert [line for line in shown if "library" in line or "of no stage" in line] == []
    assert bool(shown) is console


@pytest.mark.parametrize(
    ("before", "within"),
    [
        *((logging.NOTSET, logging.INFO), (logging.DEBUG, logging.DEBUG)),
        *((logging.INFO, logging.INFO), (logging.ERROR, logging.INFO)),
    ],
)
def test_the_level_and_the_handlers_are_as_before(before: int, within: int, tmp_path: Path) -> None:
    root = logging.getLogger()
    handlers = list(root.handlers)
    root.setLevel(before)
    shows = warnings.showwarning
    seen = []
    with suppress(ValueError), stage_log(tmp_path / "a.log", ()):
        seen += [root.level, *(one for one in root.handlers if one not in handlers)]
        raise ValueError
    level, file, shown = seen
    assert level == within
    assert shown.level == logging.WARNING
    assert root.level == before
    assert root.handlers == handlers
    assert warnings.showwarning is shows
    assert file.stream is None


def test_letters_that_are_none_are_written(tmp_path: Path) -> None:
    with stage_log(tmp_path / "a.log", (), console=False) as log:
        (file,) = (
            one for one in logging.getLogger().handlers if type(one).__module__.endswith("logs")
        )  # pytest's own handlers cannot send such a text to another process
        file.handle(log.makeRecord("espnet3", 20, "f", 1, "caf\udce9 é", (), None))
    assert written(tmp_path / "a.log") == ["INFO    espnet3: caf\\udce9 é"]


def test_a_line_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with stage_log(tmp_path / "a.log", (), console=False) as log:
        (file,) = (
            one for one in logging.getLogger().handlers if type(one).__module__.endswith("logs")
        )
        for error, told in ((OSError(28, "full"), False), (ValueError("no"), True)):
            try:
                raise error
            except (OSError, ValueError):
                file.handleError(log.makeRecord("a", 20, "f", 1, "text", (), None))
            assert ("--- Logging error ---" in capsys.readouterr().err) is told


def test_the_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["run.py", "--set", "a.token=abc", "--force"])
    monkeypatch.setenv("SLURM_JOB_ID", "41")
    monkeypatch.setenv("MY_TOKEN", "secret-of-mine")
    settings = {"config a": {"z": 1, "b": {"token": "abc"}, "c": "é"}, "model m": {}}
    with stage_log(tmp_path / "a.log", (), console=False) as log:
        write_header(log, tmp_path, settings)
    text = (tmp_path / "a.log").read_text()
    lines = written(tmp_path / "a.log")
    assert re.match(
        r"INFO    espnet3: started \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} on ", lines[0]
    )
    assert lines[1:5] == [
        "INFO    espnet3: command run.py --set a.token=*** --force",
        f"INFO    espnet3: python {sys.version.split()[0]} at {sys.executable}",
        f"INFO    espnet3: directory {tmp_path}",
        "INFO    espnet3: git none",
    ]
    assert "INFO    espnet3: environment SLURM_JOB_ID=41" in lines
    assert "secret-of-mine" not in text
    assert text.partition("settings of config a:\n")[2].splitlines()[:4] == [
        *("z: 1", "b:", "  token: '***'", "c: é"),
    ]
    assert lines[-2:] == ["INFO    espnet3: settings of model m:", "{}"]


def test_variables_of_a_log_are_sorted_and_chosen_by_name() -> None:
    names = (
        *("SLURM_A", "PBS_A", "LSB_A", "LSF_A", "SGE_A", "COBALT_A", "OMPI_A", "PMI_A", "MPI_A"),
        *("NCCL_A", "CUDA_A", "ROCM_A", "HIP_A", "OMP_A", "MKL_A", "UCX_A", "NVIDIA_A"),
        *("TORCH_A", "PL_A", "PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "PYTHONHASHSEED"),
        *("VIRTUAL_ENV", "RANK", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR"),
        "MASTER_PORT",
    )
    others = ("HOME", "MY_PATH", "SLURM", "PATHS", "SLURM_JWT_TOKEN", "A_SLURM_B")
    assert list(logged_variables(dict.fromkeys((*others, *names), "1"))) == sorted(names)
