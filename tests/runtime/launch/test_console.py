"""What a person sees: bars, durations, failures, requirements, versions."""

import importlib
import io
import re
import sys
from pathlib import Path

import pytest

from espnet3_runtime.errors import UserError, did_you_mean
from espnet3_runtime.incremental import versions
from espnet3_runtime.launch.failures import explain_error, summarize_error
from espnet3_runtime.launch.requirements import write_requirements
from espnet3_runtime.process.progress import Bars, Lines, format_duration, format_size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (12.4, "12 s"),
        (59.6, "1 m 00 s"),
        (185, "3 m 05 s"),
        (7800, "2 h 10 m"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (912, "912 B"),
        (1000, "1.0 kB"),
        (9_140, "9.1 kB"),
        (3_302_880, "3.3 MB"),
        (7.7e9, "7.7 GB"),
    ],
)
def test_sizes(count: float, text: str) -> None:
    assert format_size(count) == text


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_moving_bar() -> None:
    stream = _Terminal()
    with Bars(stream)("reading", 3) as bar:
        for _ in range(3):
            bar.advance()
        bar.note("loss 1.2")
    assert "reading: 100%" in stream.getvalue()
    assert "3/3" in stream.getvalue()


def test_a_file_gets_few_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 100_000, 1))
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    stream = io.StringIO()
    with Bars(stream)("reading", 1000) as bar:
        bar.note("RTF 0.1")
        for _ in range(1000):
            bar.advance()
    lines = stream.getvalue().splitlines()
    assert 10 <= len(lines) <= 40
    assert re.fullmatch(r"  reading: 1000/1000 \(100%\), 1\.0 s each, .*, RTF 0\.1", lines[-1])
    assert "left" in lines[0]
    assert "left" not in lines[-1]


def test_an_unknown_total_and_an_early_end() -> None:
    stream = io.StringIO()
    bar = Lines(stream.write, "  reading", None)
    bar.advance(7)
    bar.close()
    assert stream.getvalue().startswith("  reading: 7, ")
    with Bars(stream, quiet=True)("quiet", 2) as quiet:
        quiet.advance()
        quiet.note("")
    assert "quiet" not in stream.getvalue()


def test_a_mistake_is_told_without_a_traceback() -> None:
    error = UserError('there is no "x"', where="a.b", hint="add it")
    assert explain_error(error, Path("/build")) == str(error)
    assert summarize_error(error) == 'there is no "x"'


def test_code_of_others_is_shown_from_where_it_begins() -> None:
    try:
        raise ValueError("two\nlines")  # noqa: TRY301
    except ValueError as error:
        text = explain_error(error, Path("/build"))
    assert text.splitlines()[0] == "ValueError: two"
    assert "test_console.py" in text


def test_suggestions() -> None:
    assert did_you_mean("trian", ["train", "infer"]) == 'did you mean "train"?'
    assert did_you_mean("zzz", ["train", "infer"]) == "choose from: train, infer"
    assert did_you_mean("zzz", []) == ""


def test_requirements_pin_everything_and_name_no_directory(tmp_path: Path) -> None:
    count = write_requirements(tmp_path / "requirements.txt")
    lines = (tmp_path / "requirements.txt").read_text().splitlines()
    assert len(lines) == count > 5
    assert all("==" in line or " @ " in line for line in lines)
    assert not any("file:" in line for line in lines)


def test_a_package_installed_twice_is_pinned_as_it_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual environment with the packages of the system may hold another version of one."""
    (tmp_path / "pytest-0.1.dist-info").mkdir()
    metadata = "Metadata-Version: 2.1\nName: pytest\nVersion: 0.1\n"
    (tmp_path / "pytest-0.1.dist-info" / "METADATA").write_text(metadata)
    monkeypatch.setattr("sys.path", [*sys.path, str(tmp_path)])
    write_requirements(tmp_path / "requirements.txt")
    lines = (tmp_path / "requirements.txt").read_text().splitlines()
    pinned = [line for line in lines if line.startswith("pytest==")]
    assert pinned == [f"pytest=={pytest.__version__}"]


def test_versions_are_those_of_the_installed_packages() -> None:
    from importlib import metadata

    assert versions.package_version("yaml") == metadata.version("PyYAML")
    assert versions.package_version("pytest") == metadata.version("pytest")
    assert versions.package_version("no_such_package_at_all") is None


@pytest.mark.parametrize("reader", ["importlib.metadata", "importlib_metadata"])
def test_packages_whose_metadata_are_incomplete_or_of_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    """A broken installation leaves the first; some distributions are the second."""
    importlib.import_module(reader)
    for package, info, metadata in (
        ("half_removed", "half_removed-1.0", None),
        ("renamed", "renamed_lib-2.0", "Metadata-Version: 2.1\nName: elsewhere\nVersion: 2.0\n"),
    ):
        (tmp_path / f"{info}.dist-info").mkdir()
        (tmp_path / f"{info}.dist-info" / "top_level.txt").write_text(package)
        if metadata is not None:
            (tmp_path / f"{info}.dist-info" / "METADATA").write_text(metadata)
        (tmp_path / f"{package}.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    write_requirements(tmp_path / "requirements.txt")
    assert "half_removed" not in (tmp_path / "requirements.txt").read_text()
    assert versions.package_version("half_removed") == versions.UNKNOWN
    assert versions.package_version("renamed") is None
