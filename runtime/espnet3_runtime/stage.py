"""A stage, and the context with which its function is called."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from logging import Logger
from pathlib import Path
from typing import Any, Protocol

from espnet3_runtime.config import ConfigView
from espnet3_schemas.late_values import LateValues

Outputs = dict[str, Path]
"""What a stage function returns: the outputs that it made, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSpec:
    """A line of the stage table; exactly one of ``run`` and ``call`` is set.

    Attributes:
        name: The stage's name; also its directory below ``exp_dir`` and the System's method.
        run: The stage kind, for example ``train``.
        call: The dotted function of a stage of the recipe.
        configs: The name of the config for each role that the stage reads.
        model: The model of the manifest that it uses.
        init_from: A stage, or a path, whose weights a training stage starts from.
        needs: Stages that must have finished before.
        description: One line for ``--list``.
    """

    name: str
    run: str | None = None
    call: str | None = None
    configs: Mapping[str, str] = field(default_factory=dict)
    model: str | None = None
    init_from: str | None = None
    needs: tuple[str, ...] = ()
    description: str = ""


class Bar(Protocol):
    """A progress bar."""

    def advance(self, count: int = 1) -> None:
        """Count some more items as done."""

    def note(self, text: str) -> None:
        """Show a short text behind the bar, for example the current loss."""


class Progress(Protocol):
    """Makes progress bars; without a terminal they print a line now and then."""

    def __call__(self, description: str, total: int | None = None) -> AbstractContextManager[Bar]:
        """Return a bar for ``total`` items (None: unknown)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Whether a stop was requested (Ctrl-C, SIGTERM).

    Attributes:
        requested: Polled by a stage that can save its state in the middle.
        gracefully: A context manager; inside it the first SIGINT or SIGTERM only sets the request,
            and the stage promises to poll it soon, save, and raise ``errors.Stopped``.  A second
            signal stops at once.  Outside, a signal raises in the stage's own code.
    """

    requested: Callable[[], bool]
    gracefully: Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageContext:
    """Everything that a stage may use.

    Attributes:
        spec: The stage's line of the table.
        configs: By role: the config with late values (environment, outputs of other stages) filled
            in, cut to the top-level keys that the kind declares to read.
        model: The bound model node, when the stage has a model.
        composed: By role: the same configs before late values were filled in; write these, never
            ``configs``, into anything that leaves the machine.
        composed_model: The model node before late values were filled in.
        late: What the ``${…}`` in them mean.
        arguments: The bound ``with`` block of a ``call`` stage.
        outputs: The declared outputs: where each has to be written.
        recipe: ``<corpus>/<task>``.
        exp_tag: Name of the experiment.
        recipe_dir: The manifest's directory, absolute; also the working directory.
        exp_dir: Directory of the experiment, absolute.
        data_dir: Directory of the prepared data, absolute.
        directory: The stage's own directory ``exp_dir/name``; it exists.
        build: The compiled build directory, absolute.
        upstream: ``"stage.output"`` → path, for everything that the stage may read from others.
        upstream_hashes: ``"stage.output"`` → SHA-256 of its content.
        upstream_kinds: Kind of each stage that ``upstream`` names (``""`` for a ``call`` stage).
        seed: ``seed`` of the config of the first role that has one, otherwise 0.
        resume: True when an earlier attempt with the same inputs was interrupted: its files in
            ``directory`` may be continued.  When False, files there were made from other inputs
            (or are complete, and ``--force`` was given): start from the beginning.
        cleared: A stage that reads ``resume`` calls it as soon as ``directory`` holds no file of
            an attempt that must not be continued.
        rank: Rank of this process; only ``train`` stages see another one than 0.
        progress: Makes progress bars.
        stop: Whether to stop, see :class:`Stop`.
        log: Goes to the stage's log file; warnings also to the console.
        refresh: Writes the report of the experiment anew while the stage runs, unless it did so a
            moment ago; called when there is something new to see, such as the end of an epoch.
        result: Called with a name and a number or short text, puts a line into the summary table
            and the receipt, for example ``context.result("WER test", "4.1 %")``.
    """

    spec: StageSpec
    configs: Mapping[str, ConfigView]
    model: ConfigView | None
    composed: Mapping[str, ConfigView]
    composed_model: ConfigView | None
    late: LateValues = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Path] = field(default_factory=dict)
    recipe: str
    exp_tag: str
    recipe_dir: Path
    exp_dir: Path
    data_dir: Path
    directory: Path
    build: Path
    upstream: Mapping[str, Path] = field(default_factory=dict)
    upstream_hashes: Mapping[str, str] = field(default_factory=dict)
    upstream_kinds: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    resume: bool = False
    cleared: Callable[[], None] = lambda: None
    rank: int = 0
    progress: Progress
    stop: Stop
    log: Logger
    result: Callable[[str, float | str], None]
    refresh: Callable[[], None] = lambda: None

    @property
    def stop_requested(self) -> bool:
        """True once the user or the cluster asked the stage to stop."""
        return self.stop.requested()

    def find(self, kind: str, output: str) -> Path | None:
        """Return an output of the last stage of a kind that this stage needs, if there is one."""
        names = [name for name, found in self.upstream_kinds.items() if found == kind]
        paths = [self.upstream.get(f"{name}.{output}") for name in reversed(names)]
        return next((path for path in paths if path is not None), None)
