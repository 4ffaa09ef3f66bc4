"""Samples after a transform or preprocessor of the recipe."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from espnet3_runtime.deep.stage_probe import StageProbe
from espnet3_runtime.errors import did_you_mean
from espnet3_runtime.preflight.origin.error_origin import FAILURES
from espnet3_runtime.preflight.protocol import FoundError, RecipeLocation


def change_sample(
    probe: StageProbe,
    what: str,
    location: RecipeLocation,
    change: Callable[[], Any],
    sample: Mapping[str, Any],
) -> dict[str, Any]:
    """Return a changed sample.

    Args:
        probe: The stage.
        what: ``transform`` or ``preprocessor``.
        location: Its setting.
        change: Makes it.
        sample: The sample before.

    Raises:
        FoundError: It fails, or gives no mapping (R909).
        UnprobedError: It needs the network.
    """
    probe.answers.step(location, f"the {what}")
    try:
        changed = change()
    except FAILURES as error:
        raise _change_failure(probe, error, location, sample) from error
    if isinstance(changed, Mapping):
        return dict(changed)
    probe.answers.report_finding(
        "R909",
        location,
        f"a sample is a mapping from field to value; the {what} gave {type(changed).__name__}",
        help_=[f"let the {what} return a mapping, for example {{**sample, …}}"],
    )
    raise FoundError


def _change_failure(
    probe: StageProbe, error: BaseException, location: RecipeLocation, sample: Mapping[str, Any]
) -> Exception:
    """Report that a transform or preprocessor fails; a field that is not there at its argument."""
    missing = error.args[0] if isinstance(error, KeyError) and error.args else None
    if not isinstance(missing, str) or missing in sample:
        return probe.failure(error, "R909", location)
    node, found = probe.request.node(location), probe.origin(error)
    key = next((k for k, v in (node or {}).items() if v == missing), None)
    if key:
        location = RecipeLocation(location.owner, (*location.path, key), location.stage)
    hint = did_you_mean(missing, list(sample))
    found = replace(found, help=(f"an item has {', '.join(sample)}; {hint}",))
    probe.report("R909", location, f"{probe.answers.current_step} fails: {found.text}", found)
    return FoundError()
