"""Statistics of features, from one batch."""

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
from espnet3_runtime.deep.build_model import check_installed, report_construction_error
from espnet3_runtime.deep.error_origin import FAILURES, find_origin, raise_unprobed, report_error
from espnet3_runtime.deep.forward import make_batch
from espnet3_runtime.deep.protocol import RecipeLocation, UnprobedError
from espnet3_runtime.deep.request import PlannedStage
from espnet3_runtime.deep.samples import FoundError, Items, Sample
from espnet3_runtime.deep.train import ROLE, Tools
from espnet3_schemas import TARGET, systems

SPEECH = ("speech", "speech_lengths")


class FakeStatistics:
    """Makes ``feats_stats.npz`` for collect_stats stages, each once."""

    def __init__(self, tools: Tools, folder: Path) -> None:
        self.tools = tools
        self.folder = folder
        self._made: dict[str, Path | Exception] = {}

    def of(self, stage: PlannedStage) -> Path:
        """Return the file.

        Raises:
            FoundError: The extractor is wrong, which was reported.
            UnprobedError: There is no extractor, or nothing to extract from.
        """
        if stage.name not in self._made:
            try:
                self._made[stage.name] = self._make(stage)
            except (FoundError, UnprobedError) as error:
                self._made[stage.name] = error
        made = self._made[stage.name]
        if isinstance(made, Exception):
            raise made
        return made

    def _make(self, stage: PlannedStage) -> Path:
        config = self.tools.config(stage, ROLE)
        node = config["collect_stats"]["features"]
        if node is None:
            return self._of_task(stage, config)
        request, answers = self.tools.request, self.tools.answers
        place = request.place(node.where, stage, ROLE)
        if answers.is_wrong(place.owner, place.path):
            raise FoundError
        answers.step(place, f"constructing {node[TARGET]}")
        before = answers.network.refused
        try:
            extractor = instantiate(node)
        except FAILURES as error:
            raise_unprobed(error, answers, before, f"constructing {node[TARGET]}")
            raise report_construction_error(request, answers, error, place, stage, ROLE) from error
        items = self._read_items(stage, config)
        batch = make_batch(self.tools.source, stage, config, ROLE, items)
        answers.step(place, f"extracting features with {node[TARGET]}")
        try:
            with torch.inference_mode():
                moments = compute_moments(*_call_extractor(extractor, batch))
        except FAILURES as error:
            what = f"extracting features with {node[TARGET]}"
            raise_unprobed(error, answers, before, what)
            found = find_origin(error, request.recipe_dir)
            if not items.is_certain():
                raise UnprobedError(f"{what} from made-up items: {found.text}") from error
            where = RecipeLocation(place.owner, (*place.path, TARGET), stage.name)
            report_error(answers, "R904", where, f"{what} fails", found)
            raise FoundError from error
        return self._write(stage, moments)

    def _read_items(self, stage: PlannedStage, config: ConfigView) -> Items:
        """Return items; made-up ones that the preprocessor does not take are left as they are.

        Features are mostly those of the signal, and the model can be built with their size.
        """
        source = self.tools.source
        try:
            return source.items(stage, config, ROLE, "train")
        except UnprobedError:
            items = source.items(stage, config, ROLE, "train", preprocess=False)
            if items.real:
                raise
        texts = [(name, _without_texts(sample)) for name, sample in items.samples]
        return replace(items, samples=texts)

    def _of_task(self, stage: PlannedStage, config: ConfigView) -> Path:
        """Return what the model of a task extracts; for other models the real file."""
        model = self.tools.request.models.get(stage.model or "")
        if model is None or not is_task(model):
            return self._real(stage)
        kind = systems()["kinds"]["collect_stats"]
        node = self.tools.stand_ins.resolve_view(without_endings(model, kind["task_without"]))
        request, answers = self.tools.request, self.tools.answers
        place, before = request.place(node.where, stage, ROLE), answers.network.refused
        items = self.tools.source.items(stage, config, ROLE, "train")
        batch = make_batch(self.tools.source, stage, config, ROLE, items)
        answers.step(place, f"collecting features with {name_of(node)}")
        try:
            extract = make_feature_extractor(None, node, torch.device("cpu"))
            assert extract is not None
            with torch.inference_mode():
                moments = compute_moments(*extract(batch)["feats"])
        except FAILURES as error:
            check_installed(error, name_of(node))
            raise_unprobed(error, answers, before, f"collecting features with {name_of(node)}")
            raise report_construction_error(request, answers, error, place, stage, ROLE) from error
        return self._write(stage, moments)

    def _write(self, stage: PlannedStage, moments: Moments) -> Path:
        path = self.folder / f"{stage.name}-feats_stats.npz"
        write_moments(path, moments)
        return path

    def _real(self, stage: PlannedStage) -> Path:
        path = self.tools.request.recipe_dir / stage.outputs["feats_stats"][0]
        if path.is_file():
            return path
        raise UnprobedError(
            f"${{stages.{stage.name}.feats_stats}} does not exist yet, and without "
            "collect_stats.features its size is not known"
        )


def _without_texts(sample: Sample) -> Sample:
    """Leave out what no collate function makes a tensor of."""
    return {name: value for name, value in sample.items() if not isinstance(value, str)}


def _call_extractor(extractor: Any, batch: Mapping[str, Any]) -> Any:
    """Call an extractor with what its arguments are named after, else with speech."""
    is_module = isinstance(extractor, torch.nn.Module)
    function = extractor.eval().forward if is_module else extractor
    parameters = inspect.signature(function).parameters.values()
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    names = [p.name for p in parameters if p.default is p.empty and p.kind not in kinds]
    wanted = names if all(name in batch for name in names) else SPEECH
    missing = [name for name in wanted if name not in batch]
    if missing:
        raise UnprobedError(f"the features need {', '.join(names)}; a batch has {', '.join(batch)}")
    return extractor(*(batch[name] for name in wanted))
