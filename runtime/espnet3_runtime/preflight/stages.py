"""What each stage kind constructs before it reads data or weights."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from espnet3_runtime.build.instantiate import locate_target
from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.dataset_entries import (
    DatasetDirectories,
    DatasetEntry,
    check_builder,
    find_dataset,
    read_entries,
)
from espnet3_runtime.errors import InstantiateError, UserError
from espnet3_runtime.incremental.held_code import is_importable
from espnet3_runtime.inference.device import pick_device
from espnet3_runtime.inference.predictor import make_runner
from espnet3_runtime.metrics.score import make_metric
from espnet3_runtime.preflight.origin.data_code import place_of_builder
from espnet3_runtime.preflight.origin.error_origin import FAILURES
from espnet3_runtime.preflight.protocol import FoundError, RecipeLocation, UnprobedError
from espnet3_runtime.preflight.trainer import is_constructible, is_untouched, try_trainer
from espnet3_runtime.preflight.tried_stage import FindPlace, TriedStage
from espnet3_runtime.process.dask_workers import is_local, require_cluster
from espnet3_schemas import TARGET
from espnet3_schemas.installation import install_command

_PACKAGES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "train": (("torch", "lightning"), "runtime"),
    "train_tokenizer": (("sentencepiece",), "asr"),
    "collect_stats": (("torch",), "runtime"),
    "cluster": (("torch",), "runtime"),
    "infer": (("torch",), "runtime"),
    "pack_model": (("torch", "safetensors"), "runtime"),
    "upload_model": (("huggingface_hub",), "hub"),
    "upload_demo": (("huggingface_hub",), "hub"),
}
"""What our own stage kinds import, and the extra that installs it."""


def try_stage(tried: TriedStage) -> None:
    """Report what the stage would refuse by its config alone.

    Raises:
        FoundError: A mistake was reported that the rest depends on.
        UnprobedError: Something cannot be tried.
        UserError: An environment variable without default is not set.
    """
    _need_packages(tried)
    for work in _WORK.get(str(tried.stage.run), ()):
        work(tried, tried.config())


def _need_packages(tried: TriedStage) -> None:
    names, extra = _PACKAGES.get(str(tried.stage.run), ((), ""))
    missing = [name for name in names if not is_importable(name)]
    if missing and not _is_dry(tried):
        location = RecipeLocation(("stages", tried.stage.name), (), tried.stage.name)
        text = f'"{tried.stage.name}" needs the package "{missing[0]}", which is not installed'
        help_ = (install_command(extra),)
        tried.answers.report_finding("R912", location, text, help_=help_)
        raise FoundError


def _is_dry(tried: TriedStage) -> bool:
    """Return whether an upload only shows its files."""
    config = tried.request.configs.get(tried.stage.configs.get(tried.role, ""))
    block = config.get(str(tried.stage.run)) if config else None
    return isinstance(block, Mapping) and bool(block.get("dry_run"))


def _try_data(
    tried: TriedStage,
    config: ConfigView,
    splits: tuple[str, ...] = ("train", "valid"),
    find: Callable[[DatasetEntry, DatasetDirectories], Any] = find_dataset,
) -> None:
    """Report R909 for modules of data that do not have what the stage takes from them."""
    directories = DatasetDirectories(tried.request.recipe_dir, tried.request.data_dir)
    seen = set()
    for split in splits:
        for entry in read_entries(config["dataset"] or {}, split):
            if entry.data_src not in seen:
                seen.add(entry.data_src)
                location = tried.locate(f"{entry.where}.data_src")
                what = f"importing the data of {entry.data_src or 'this recipe'}"
                work = partial(find, entry, directories)
                place = partial(place_of_builder, entry, directories)
                find_place = place if find is check_builder else None
                _attempt(tried, what, location, work, "R909", find_place, in_code=True)


def _try_collate(tried: TriedStage, config: ConfigView) -> None:
    node = config["dataloader"] and config["dataloader"]["collate_fn"]
    if isinstance(node, Mapping):
        is_constructible(tried, node)


def _try_extractor(tried: TriedStage, config: ConfigView) -> None:
    """Report a model whose frames are clustered and that gives none."""
    node, settings = tried.request.models.get(tried.stage.model or ""), config["cluster"]
    if settings and settings["features"] is None and node is not None and TARGET in node:
        from espnet3_runtime.data.feature_extractors import require_extract_features

        def look() -> None:
            model = locate_target(node[TARGET], node.where)
            require_extract_features(model, settings.where)

        location = tried.own_location("cluster")
        _attempt(tried, "looking for extract_features", location, look, "R909")


def _try_datamodule(tried: TriedStage, config: ConfigView) -> None:
    node = config["datamodule"]
    if node is not None and is_untouched(tried, node):
        from espnet3_runtime.training.lightning_code.data import make_datamodule

        location = tried.own_location("datamodule")
        _attempt(
            tried, "constructing the datamodule", location, partial(make_datamodule, node), "R903"
        )


def _try_optimizer(tried: TriedStage, config: ConfigView) -> None:
    from espnet3_runtime.preflight.optimizers import try_torch_optimizer  # imports torch

    try_torch_optimizer(tried, config)


def _try_runner(tried: TriedStage, config: ConfigView) -> None:
    nodes = [config["runner"], config["dataloader"]["collate_fn"]]
    if config["runner"] is None and config["model"] is None:
        return  # a LightningModule has predict_step, or the compiler has refused it
    if config["runner"] is None or all(is_untouched(tried, node) for node in nodes if node):
        location = tried.own_location("runner")
        _attempt(tried, "constructing the runner", location, partial(make_runner, config), "R911")


def _try_workers(tried: TriedStage, config: ConfigView) -> None:
    work = partial(require_cluster, config["parallel"])
    _attempt(tried, "importing Dask", tried.own_location("parallel", "env"), work, "R912")


def _try_device(tried: TriedStage, config: ConfigView) -> None:
    if not is_local(config["parallel"]):
        return  # workers elsewhere have it
    try:
        pick_device(config["device"])
    except UserError as error:
        if not tried.answers.needs_devices:
            tried.answers.note(f'"{tried.stage.name}": {error.message}')
            return
        location, help_ = tried.own_location("device"), (error.hint,)
        tried.answers.report_finding("R914", location, error.message, help_=help_)


def _try_metrics(tried: TriedStage, config: ConfigView) -> None:
    for entry in config["metrics"]:
        if is_untouched(tried, entry["metric"]):
            location, what = tried.locate(f"{entry.where}.inputs"), "constructing the metric"
            _attempt(tried, what, location, partial(make_metric, entry), "R902")


def _attempt(
    tried: TriedStage,
    what: str,
    location: RecipeLocation,
    work: Callable[[], Any],
    code: str,
    find_place: FindPlace | None = None,
    *,
    in_code: bool = False,
) -> None:
    """Do something that the stage will do; report what it refuses, and go on.

    Args:
        tried: The stage.
        what: The step, for messages.
        location: The setting that it is about.
        work: Does it.
        code: The code of the finding when it fails.
        find_place: Gives the line to mend where the recipe's code raised nothing.
        in_code: Whether a failure in the recipe's code is mended there.
    """
    if tried.answers.is_wrong(location.owner, location.path):
        return
    tried.answers.step(location, what)
    try:
        work()
    except FAILURES as error:
        try:
            if isinstance(error, InstantiateError):
                tried.construction_failure(error, location)
            else:
                tried.failure(error, code, location, in_code=in_code, find_place=find_place)
        except UnprobedError as why:
            tried.answers.note(str(why))


Work = Callable[[TriedStage, ConfigView], None]
_BUILDERS: Work = partial(_try_data, splits=("train", "valid", "test"), find=check_builder)
_TESTS: Work = partial(_try_data, splits=("test",))
_WORK: Mapping[str, tuple[Work, ...]] = {
    "create_dataset": (_BUILDERS,),
    "train_tokenizer": (partial(_try_data, splits=("train",)),),
    "prepare_labels": (partial(_try_data, splits=("train",)),),
    "prepare_tokens": (partial(_try_data, splits=("train",)),),
    "cluster": (_try_data, _try_collate, _try_extractor),
    "collect_stats": (_try_data, _try_collate, _try_workers),
    "train": (_try_data, _try_collate, _try_datamodule, _try_optimizer, try_trainer),
    "infer": (_TESTS, _try_runner, _try_device, _try_workers),
    "measure": (_try_metrics,),
}
"""What is tried of each kind, in order."""
