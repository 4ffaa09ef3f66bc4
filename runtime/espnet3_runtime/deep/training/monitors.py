"""Compare the monitors of a training config with the numbers that ``forward`` gives."""

from collections.abc import Collection, Iterator, Sequence

from espnet3_runtime.config import ConfigView
from espnet3_runtime.deep.stage_probe import StageProbe
from espnet3_runtime.errors import did_you_mean

_COUNTERS = ("epoch", "step")


def check_monitors(
    probe: StageProbe, config: ConfigView, train: Collection[str], valid: Collection[str]
) -> None:
    """Report R412 for ``train/NAME`` and ``valid/NAME`` that no step gives.

    Callbacks of the recipe may log other numbers, so nothing is reported beside them.

    Args:
        probe: The stage.
        config: Its training config.
        train: Names of the numbers that a training step gives.
        valid: Names of those that a validation step gives.
    """
    if config["trainer"].get("callbacks"):
        return
    measured = [f"train/{name}" for name in train] + [f"valid/{name}" for name in valid]
    for path, monitor in _iter_monitors(config):
        if monitor.startswith(("train/", "valid/")) and monitor not in measured:
            hint = did_you_mean(monitor, measured)
            probe.answers.report_finding(
                "R412",
                probe.own_location(*path),
                f'training measures no "{monitor}"',
                label="never measured",
                help_=[hint] if hint else (),
                notes=[f"forward gives {', '.join(sorted(measured))}"],
            )


def report_unlogged(probe: StageProbe, config: ConfigView, logged: Sequence[str]) -> None:
    """Report R412 for watched values that a ``LightningModule`` has not logged.

    Args:
        probe: The stage.
        config: Its training config.
        logged: What it logged in a step of training and one of validation.
    """
    if config["trainer"].get("callbacks"):
        return
    for path, monitor in _iter_monitors(config):
        known = monitor in logged or monitor in _COUNTERS
        known |= monitor.startswith("valid/") and f"train/{monitor[6:]}" in logged
        if not known:
            hint = did_you_mean(monitor, logged)
            probe.answers.report_finding(
                "R412",
                probe.own_location(*path),
                f'the module logs no "{monitor}"',
                label="never logged",
                help_=[hint] if hint else (),
                notes=[f"it logs {', '.join(logged) or 'nothing'}"],
            )


def _iter_monitors(config: ConfigView) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the monitors of a config with their key paths."""
    for index, criterion in enumerate(config["best_model_criterion"] or ()):
        yield ("best_model_criterion", index, 0), str(criterion[0])
    if config["early_stopping"]:
        yield ("early_stopping", "monitor"), str(config["early_stopping"]["monitor"])
    if config["scheduler_monitor"]:
        yield ("scheduler_monitor",), str(config["scheduler_monitor"])
    for name, block in (config["schedulers"] or {}).items():
        if block.get("monitor"):
            yield ("schedulers", name, "monitor"), str(block["monitor"])
