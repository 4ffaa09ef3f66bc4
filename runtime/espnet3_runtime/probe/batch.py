"""From items to the fields of a batch."""

from collections.abc import Sequence
from typing import Any

from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.loader import make_collate
from espnet3_runtime.probe.answers import UnprobedError
from espnet3_runtime.probe.blame import FAILURES, blame, report
from espnet3_runtime.probe.build_model import refuse
from espnet3_runtime.probe.request import Stage
from espnet3_runtime.probe.samples import FoundError, Items, Sample, Source
from espnet3_runtime.training.fields import split_batch


def make_batch(
    source: Source, stage: Stage, config: ConfigView, role: str, items: Items
) -> dict[str, Any]:
    """Collate items.

    Args:
        source: Where the items came from.
        stage: The stage.
        config: Its config with ``dataloader``.
        role: The role of the config.
        items: Samples, of the data or made up.

    Raises:
        FoundError: The collate function cannot be constructed (R903) or fails (R909).
        UnprobedError: It fails on items that were made up.
    """
    place = source.request.place(f"{config.where}.dataloader.collate_fn", stage, role)
    source.answers.step(place, "constructing the collate function")
    try:
        collate = make_collate(config["dataloader"])
    except FAILURES as error:
        raise refuse(source.request, source.answers, error, place, stage, role) from error
    try:
        return split_batch(collate(_twice(items.samples)))[1]
    except FAILURES as error:
        found = blame(error, source.request.recipe_dir)
        if not items.is_certain():
            what = f'"{stage.name}": made-up items do not make a batch: {found.text}'
            raise UnprobedError(what) from error
        report(source.answers, "R909", place, "the collate function fails", found)
        raise FoundError from error


def _twice(samples: Sequence[tuple[str, Sample]]) -> list[tuple[str, Sample]]:
    """Return at least two items: norms over a batch need them."""
    found = list(samples)
    return found if len(found) > 1 else found * 2
