"""The stages of a converted recipe as a manifest lists them, and the models that they use."""

from collections.abc import Mapping

from espnet3_compiler.convert.launched.stage_work import KIND_ROLES
from espnet3_compiler.convert.launched.system import LaunchedStage
from espnet3_compiler.convert.recipe import ConvertedConfig, ConvertedRecipe
from espnet3_compiler.syntax.tree import Plain

SYSTEM_MODULE = "system_compile"
MODEL_NAME = "model"
NEEDS_INFERENCE = ("measure", "pack_model", "upload_model", "pack_demo", "upload_demo")
NEEDS_PUBLICATION = ("upload_model", "pack_demo", "upload_demo")
Companions = Mapping[str, ConvertedConfig]


def system_path(found: ConvertedRecipe) -> str:
    """Return the System of the manifest: ``asr``, ``base``, or one that is written beside it."""
    if not found.has_own_stages:
        return found.launched.base
    return f"{SYSTEM_MODULE}.{found.launched.path.rpartition('.')[2]}"


def model_names(
    found: ConvertedRecipe, config: ConvertedConfig | None
) -> list[tuple[str, dict[str, Plain]]]:
    """Return the models of a manifest by their names: each once, however many configs have it."""
    result: list[tuple[str, dict[str, Plain]]] = []
    for one in _trained_configs(found, config):
        model = one.model.values if one.model else None
        if model and not any(model == known for _, known in result):
            name = MODEL_NAME if not result else f"{MODEL_NAME}_{one.name}"
            result.append((name, model))
    return result


def _trained_configs(
    found: ConvertedRecipe, config: ConvertedConfig | None
) -> list[ConvertedConfig]:
    phases = [phase for phase in found.phases if phase.file.role == "training"]
    return [config, *phases] if config else phases


def stage_entries(
    found: ConvertedRecipe, config: ConvertedConfig | None, others: Companions
) -> list[Plain]:
    """Return the stages of a manifest.

    Args:
        found: The recipe.
        config: The training config of the manifest; None where nothing is trained.
        others: The configs of the other roles.
    """
    result: list[Plain] = []
    for stage in ordered_stages(found):
        if stage.work is None:
            result.append(stage.name)
        elif _has_configs(found, stage, config, others):
            inference = others.get("inference")
            own_model = inference is not None and "model" in inference.draft.values
            result.append(_stage_entry(found, stage, config, own_model=own_model))
    return result


def ordered_stages(found: ConvertedRecipe) -> list[LaunchedStage]:
    """Return the stages in their order: trainings that stand after the publication come earlier.

    Recipes for releases before 202611 add their own stages at the end of a list, and leave the
    stage ``train`` in it, which trains one of their configs once more.
    """
    stages = list(found.launched.stages)
    names = [stage.name for stage in stages]
    trains = [one for one in stages if one.work and one.work.kind == "train"]
    own = [one for one in trains if one.name != "train"]
    if "train" not in names or not own or stages.index(own[0]) < names.index("train"):
        return stages
    plain = stages[names.index("train")]
    same = any(one.work == plain.work for one in own)
    at = names.index("train")
    rest = [one for one in stages[at + 1 :] if one not in own]
    return [*stages[:at], *([] if same else [plain]), *own, *rest]


def _has_configs(
    found: ConvertedRecipe,
    stage: LaunchedStage,
    config: ConvertedConfig | None,
    others: Companions,
) -> bool:
    assert stage.work is not None
    kind, role = stage.work.kind, stage.work.role
    if kind == "train_tokenizer":
        return config is not None and "tokenizer" in config.draft.values
    if any(phase.name == role for phase in found.phases):
        return True
    if KIND_ROLES[kind] == "training":
        return config is not None and role in (config.name, "training")
    needed = {KIND_ROLES[kind]}
    needed |= {"inference"} if kind in NEEDS_INFERENCE else set()
    needed |= {"publication"} if kind in NEEDS_PUBLICATION else set()
    return needed <= others.keys()


def _stage_entry(
    found: ConvertedRecipe,
    stage: LaunchedStage,
    config: ConvertedConfig | None,
    *,
    own_model: bool,
) -> Plain:
    """Return an item of the manifest's stages.

    Args:
        found: The recipe.
        stage: The stage of ESPnet3.
        config: The training config of the manifest; None where nothing is trained.
        own_model: Whether the inference config has a model of its own.
    """
    assert stage.work is not None
    kind = stage.work.kind
    entry: dict[str, Plain] = {"name": stage.name}
    entry |= {"run": kind} if kind != stage.name else {}
    main = next(iter(found.trainings), None)
    role = stage.work.role
    if KIND_ROLES[kind] == "training" and role == "training" and main is not None:
        role = main.name
    if role != KIND_ROLES[kind]:
        entry["config"] = role
    elif kind == "pack_model" and main is not None and main.name != "training":
        entry["config"] = {"training": main.name}
    models = model_names(found, config)
    kinds = ("collect_stats", "train", *(() if own_model else ("infer", "pack_model")))
    if len(models) > 1 and kind in kinds:
        entry["model"] = _model_of(found, config, role, models)
    return entry if len(entry) > 1 else stage.name


def _model_of(
    found: ConvertedRecipe,
    config: ConvertedConfig | None,
    role: str,
    models: list[tuple[str, dict[str, Plain]]],
) -> str:
    for one in _trained_configs(found, config):
        if one.name == role and one.model:
            return next(name for name, model in models if model == one.model.values)
    return models[0][0]
