"""Statistics of features, from one batch, for models that need them before they are collected."""

import inspect
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.build.model_node import is_task, name_of, without_endings
from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.feature_extractors import make_feature_extractor
from espnet3_runtime.data.feature_moments import Moments, compute_moments, write_moments
from espnet3_runtime.deep.forward import make_batch
from espnet3_runtime.deep.items.samples import Items, read_items
from espnet3_runtime.deep.stage_probe import StageProbe
from espnet3_runtime.preflight.origin.error_origin import FAILURES
from espnet3_runtime.preflight.protocol import FoundError, RecipeLocation, UnprobedError
from espnet3_schemas import TARGET

_SPEECH = ("speech", "speech_lengths")


class FakeStatistics:
    """Makes ``feats_stats.npz`` for collect_stats stages, each once, in a directory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, Path | Exception] = {}

    def of(self, probe: StageProbe) -> Path:
        """Return the file of a stage.

        Raises:
            FoundError: The extractor is wrong, which was reported.
            UnprobedError: There is no extractor, or no item to extract from.
        """
        name = probe.stage.name
        if name not in self._made:
            try:
                moments = _moments_of(probe)
                self._made[name] = path = self._folder / f"{name}-feats_stats.npz"
                if moments is None:
                    self._made[name] = _earlier_file(probe)
                else:
                    write_moments(path, moments)
            except (FoundError, UnprobedError) as error:
                self._made[name] = error
        made = self._made[name]
        if isinstance(made, Exception):
            raise made
        return made


def _moments_of(probe: StageProbe) -> Moments | None:
    """Return statistics of one batch; None where the file of an earlier run has to do."""
    config = probe.config()
    node = config["collect_stats"]["features"]
    if node is None:
        return _moments_of_task(probe, config)
    location = probe.locate(node.where)
    if probe.answers.is_wrong(location.owner, location.path):
        raise FoundError
    probe.answers.step(location, f"constructing {node[TARGET]}")
    try:
        extractor = instantiate(node)
    except FAILURES as error:
        raise probe.construction_failure(error, location) from error
    items = _read_items(probe, config)
    batch = make_batch(probe, config, items)
    probe.answers.step(location, f"extracting features with {node[TARGET]}")
    try:
        with torch.inference_mode():
            return compute_moments(*_call_extractor(extractor, batch))
    except FAILURES as error:
        name = RecipeLocation(location.owner, (*location.path, TARGET), probe.stage.name)
        raise probe.failure(error, "R904", name, certain=items.is_certain()) from error


def _read_items(probe: StageProbe, config: ConfigView) -> Items:
    """Return items; made-up ones that the preprocessor refuses stay as they are, without texts.

    Features are mostly those of the signal, and the model can be built with their size.
    """
    try:
        return read_items(probe, config, "train")
    except UnprobedError:
        items = read_items(probe, config, "train", preprocess=False)
        if items.real:
            raise
    samples = [
        (utt_id, {name: value for name, value in sample.items() if not isinstance(value, str)})
        for utt_id, sample in items.samples
    ]
    return replace(items, samples=samples)


def _moments_of_task(probe: StageProbe, config: ConfigView) -> Moments | None:
    """Return statistics of features that the model of a task extracts; None for other models."""
    model = probe.request.models.get(probe.stage.model or "")
    if model is None or not is_task(model):
        return None
    endings = probe.stage.facts["task_without"]
    node = probe.artifacts.resolve_view(without_endings(model, endings))
    batch = make_batch(probe, config, read_items(probe, config, "train"))
    location = probe.locate(node.where)
    probe.answers.step(location, f"collecting features with {name_of(node)}")
    try:
        extract = make_feature_extractor(None, node, torch.device("cpu"))
        assert extract is not None
        return compute_moments(*extract(batch)["feats"])
    except FAILURES as error:
        raise probe.construction_failure(error, location) from error


def _earlier_file(probe: StageProbe) -> Path:
    path = probe.request.recipe_dir / probe.stage.outputs["feats_stats"].path
    if path.is_file():
        return path
    raise UnprobedError(
        f"${{stages.{probe.stage.name}.feats_stats}} does not exist yet, and without "
        "collect_stats.features its size is not known"
    )


def _call_extractor(extractor: Any, batch: Mapping[str, Any]) -> Any:
    """Call an extractor with the fields that its arguments name, else with speech."""
    is_module = isinstance(extractor, torch.nn.Module)
    function = extractor.eval().forward if is_module else extractor
    parameters = inspect.signature(function).parameters.values()
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    names = [p.name for p in parameters if p.default is p.empty and p.kind not in kinds]
    wanted = names if all(name in batch for name in names) else _SPEECH
    if any(name not in batch for name in wanted):
        raise UnprobedError(f"the features need {', '.join(names)}; a batch has {', '.join(batch)}")
    return extractor(*(batch[name] for name in wanted))
