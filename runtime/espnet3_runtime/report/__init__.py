"""The report of an experiment: one HTML file that needs nothing else."""

from pathlib import Path

from espnet3_runtime.build.lock import Build, load_build


def write_report(exp_dir: Path, build: Build | Path) -> Path:
    """Write ``exp_dir/report.html`` from the files of the experiment; return its path.

    Stages that have not run, or have no results, are shown as such; nothing is computed again.

    Args:
        exp_dir: The experiment, absolute.
        build: The compiled recipe, or its directory.
    """
    from espnet3_runtime.atomic import write_bytes
    from espnet3_runtime.report.collect import read_experiment
    from espnet3_runtime.report.page import render_page

    loaded = load_build(build) if isinstance(build, Path) else build
    path = exp_dir / "report.html"
    exp_dir.mkdir(parents=True, exist_ok=True)
    page = render_page(read_experiment(exp_dir, loaded))
    write_bytes(path, page.encode("utf-8", "backslashreplace"))  # names of files need not be text
    return path
