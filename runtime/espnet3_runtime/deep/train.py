"""Probe a ``train`` stage: model, freezing, optimizers, a batch of each split, monitors."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.config import ConfigView
from espnet3_runtime.deep.build_model import (
    ProbedModel,
    build_model,
    check_installed,
    report_construction_error,
)
from espnet3_runtime.deep.error_origin import FAILURES, find_origin, raise_unprobed
from espnet3_runtime.deep.fake_artifacts import FakeArtifacts, FakeTokenizers
from espnet3_runtime.deep.forward import ForwardRun, describe_batch, make_batch, run_forward
from espnet3_runtime.deep.monitors import check_monitors
from espnet3_runtime.deep.protocol import Answers, RecipeLocation, UnprobedError
from espnet3_runtime.deep.request import PlannedStage, Request
from espnet3_runtime.deep.samples import FoundError, Items, Source, with_ids
from espnet3_runtime.errors import UserError
from espnet3_runtime.training.loaders import has_validation
from espnet3_runtime.training.optimizers import (
    count_steps,
    make_named_optimizers,
    make_single_optimizer,
)
from espnet3_runtime.training.parameter_groups import freeze_parameters
from espnet3_schemas import TARGET

ROLE = "training"


def probe_callbacks(
    request: Request, answers: Answers, stage: PlannedStage, config: ConfigView
) -> None:
    """Report R903 for callbacks that cannot be constructed, each at its place.

    Args:
        request: What the compiler asks for.
        answers: Takes steps and findings.
        stage: A train stage.
        config: Its training config.
    """
    for node in config["trainer"]["callbacks"] or ():
        place = request.place(node.where, stage, ROLE)
        if answers.is_wrong(place.owner, place.path):
            continue
        name = str(node[TARGET])
        answers.step(place, f"constructing {name}")
        before = answers.network.refused
        try:
            instantiate(node)
        except FAILURES as error:
            try:
                check_installed(error, name)
                raise_unprobed(error, answers, before, f"constructing {name}")
                report_construction_error(request, answers, error, place, stage, ROLE)
            except UnprobedError as why:
                answers.note(str(why))


BATCHES = 100
"""How many batches an epoch is taken to have, for schedulers that ask."""


@dataclass(frozen=True)
class Tools:
    """What every probe of a stage needs."""

    request: Request
    answers: Answers
    stand_ins: FakeArtifacts
    tokenizers: FakeTokenizers
    source: Source

    def config(self, stage: PlannedStage, role: str, without: Collection[str] = ()) -> ConfigView:
        """Return the config of a stage with the keys that its kind reads, late values filled in.

        Args:
            stage: The stage.
            role: The role of the config.
            without: Top-level keys that are left as they are.
        """
        name = stage.configs.get(role)
        view = self.request.configs.get(name or "")
        if view is None:
            raise UnprobedError(f'the stage "{stage.name}" has no {role} config')
        keys = stage.reads(role)
        wanted = [key for key in (view if keys is None else keys) if key not in without]
        bound = self.stand_ins.resolve_view(view.only(wanted))
        return ConfigView({**dict.fromkeys(without), **bound}, view.where)


def probe_train(tools: Tools, stage: PlannedStage) -> None:
    """Probe a stage.

    Raises:
        FoundError: A mistake was reported that the rest depends on.
        UnprobedError: Something cannot be looked at.
    """
    config = tools.config(stage, ROLE)
    node = model_node(tools, stage, config)
    built = build_model(tools.request, tools.answers, node, stage, ROLE)
    place = tools.request.place(node.where, stage, ROLE)
    facts: dict[str, Any] = {"inputs": "", "items": "", "returns": "", "frozen": 0}
    try:
        facts["frozen"] = _probe_freeze(tools, stage, config, built)
        _probe_optimizers(tools, stage, config, built)
        probe_callbacks(tools.request, tools.answers, stage, config)
        items = tools.source.items(stage, config, ROLE, "train")
        run = _make_run(tools, stage, config, node, built, place, items)
        facts |= {"inputs": describe_batch(run.fields), "items": items.origin}
        returned = run_forward(run)
        facts["returns"] = returned.form
        valid = returned
        if has_validation(config):
            items = tools.source.items(stage, config, ROLE, "valid")
            run = _make_run(tools, stage, config, node, built, place, items)
            valid = run_forward(run, training=False)
        check_monitors(tools.answers, stage, config, returned.names, valid.names)
    except UnprobedError as why:
        tools.answers.note(str(why))
    finally:
        tools.answers.model(_model_facts(stage, built) | facts)


def model_node(tools: Tools, stage: PlannedStage, config: ConfigView) -> ConfigView:
    """Return the node of the stage's model, late values filled in.

    Args:
        tools: What the probes share.
        stage: The stage.
        config: Its config, which may have a ``model`` of its own.
    """
    own = config.get("model") or _training_model(tools, stage)
    if isinstance(own, ConfigView):
        return tools.stand_ins.resolve_view(own)
    view = tools.request.models.get(stage.model or "")
    if view is None:
        raise UnprobedError(f'the stage "{stage.name}" has no model')
    if tools.answers.is_wrong(("models", str(stage.model))):
        raise FoundError
    return tools.stand_ins.resolve_view(view)


def _training_model(tools: Tools, stage: PlannedStage) -> ConfigView | None:
    """Return the model that the training config of a stage has, ESPnet3 style."""
    view = tools.request.configs.get(stage.configs.get(ROLE, ""))
    own = None if view is None else view.get("model")
    return own if isinstance(own, ConfigView) else None


def _make_run(
    tools: Tools,
    stage: PlannedStage,
    config: ConfigView,
    node: ConfigView,
    built: ProbedModel,
    place: RecipeLocation,
    items: Items,
) -> ForwardRun:
    vocabulary = _find_vocabulary(tools, stage)
    samples = with_ids(items, config, vocabulary)
    fields = make_batch(tools.source, stage, config, ROLE, replace(items, samples=samples))
    return ForwardRun(
        tools.request,
        tools.answers,
        stage,
        place,
        node,
        built,
        fields,
        items.real,
        items.is_certain(),
        frozenset([vocabulary[0]] if vocabulary else ()),
        vocabulary[1] if vocabulary else None,
        tuple(config["optimizers"] or ()),
    )


def _find_vocabulary(tools: Tools, stage: PlannedStage) -> tuple[str, int] | None:
    """Return the field that the stage's tokenizer reads, and the number of tokens.

    It is the first of the size that the stage's config says, otherwise the first of the recipe.
    """
    makers = [other for other in tools.request.stages if other.run == "train_tokenizer"]
    blocks = [tools.tokenizers.settings(other) for other in makers]
    own = (tools.request.configs[stage.configs[ROLE]].get("tokenizer") or {}).get("vocab_size")
    same = [block for block in blocks if block["vocab_size"] == own]
    chosen = next(iter(same or blocks), None)
    return None if chosen is None else (chosen["field"], chosen["vocab_size"])


def _probe_freeze(tools: Tools, stage: PlannedStage, config: ConfigView, built: ProbedModel) -> int:
    built.restore_trainable()
    selectors = config["freeze"]
    right = []
    for index, selector in enumerate(selectors):
        try:
            freeze_parameters(built.module, [selector], "")
            right.append(selector)
        except UserError as error:
            built.restore_trainable()
            place = RecipeLocation(("configs", stage.configs[ROLE]), ("freeze", index), stage.name)
            found = find_origin(error, tools.request.recipe_dir)
            tools.answers.report_finding("R807", place, error.message, help_=found.help)
    built.restore_trainable()
    try:
        freeze_parameters(built.module, right, "")
    except UserError as error:
        place = RecipeLocation(("configs", stage.configs[ROLE]), ("freeze",), stage.name)
        tools.answers.report_finding("R908", place, error.message)
        raise FoundError from error
    return sum(p.numel() for p in built.module.parameters() if not p.requires_grad)


def _probe_optimizers(
    tools: Tools, stage: PlannedStage, config: ConfigView, built: ProbedModel
) -> None:
    owner = ("configs", stage.configs[ROLE])
    place = RecipeLocation(
        owner, ("optimizers" if config["optimizers"] else "optimizer",), stage.name
    )
    if any(tools.answers.is_wrong(owner, (key,)) for key in _OPTIMIZER_KEYS):
        return
    tools.answers.step(place, "constructing the optimizer")
    trainer = config["trainer"]

    def steps(per_step: int) -> int:
        limit = trainer.get("limit_train_batches")
        most = -1 if trainer.get("max_steps") is None else trainer["max_steps"]
        return count_steps(BATCHES, limit, trainer.get("max_epochs"), most, per_step)

    try:
        make = make_named_optimizers if config["optimizers"] else make_single_optimizer
        make(built.module, config, steps)
    except FAILURES as error:
        raise_unprobed(
            error, tools.answers, tools.answers.network.refused, "constructing the optimizer"
        )
        if isinstance(error, UserError) and error.__cause__ is None:
            found = find_origin(error, tools.request.recipe_dir)
            if found.where == "model":  # no parameters
                place = RecipeLocation(place.owner, ("optimizer",), stage.name)
            elif found.where:
                place = tools.request.place(found.where, stage, ROLE)
            tools.answers.report_finding("R908", place, error.message, help_=found.help)
        else:
            report_construction_error(
                tools.request, tools.answers, error, place, stage, ROLE, "R908"
            )


_OPTIMIZER_KEYS = ("optimizer", "optimizers", "scheduler", "schedulers")


def _model_facts(stage: PlannedStage, built: ProbedModel) -> dict[str, Any]:
    return {
        "stage": stage.name,
        "model": stage.model,
        "name": built.name,
        "device": built.device,
        "parameters": built.parameters,
    }


__all__ = ["Tools", "model_node", "probe_train"]
