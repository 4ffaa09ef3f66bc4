"""Probe a ``train`` stage: model, freezing, optimizers, a batch of each split, monitors."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import UserError
from espnet3_runtime.probe.answers import Answers, Place, UnprobedError
from espnet3_runtime.probe.batch import make_batch
from espnet3_runtime.probe.blame import FAILURES, blame, judge
from espnet3_runtime.probe.build_model import Built, build_model, refuse
from espnet3_runtime.probe.callbacks import probe_callbacks
from espnet3_runtime.probe.forward import Run, run_forward, shapes
from espnet3_runtime.probe.monitors import check_monitors
from espnet3_runtime.probe.request import Request, Stage
from espnet3_runtime.probe.samples import FoundError, Items, Source, with_ids
from espnet3_runtime.probe.stand_ins import StandIns, Tokenizers
from espnet3_runtime.training.optimizers import count_steps, make_named, make_single
from espnet3_runtime.training.selection import freeze
from espnet3_runtime.training.validation import validates

ROLE = "training"
BATCHES = 100
"""How many batches an epoch is taken to have, for schedulers that ask."""


@dataclass(frozen=True)
class Tools:
    """What every probe of a stage needs."""

    request: Request
    answers: Answers
    stand_ins: StandIns
    tokenizers: Tokenizers
    source: Source

    def config(self, stage: Stage, role: str, without: Collection[str] = ()) -> ConfigView:
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
        bound = self.stand_ins.bound(view.only(wanted))
        return ConfigView({**dict.fromkeys(without), **bound}, view.where)


def probe_train(tools: Tools, stage: Stage) -> None:
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
        facts["frozen"] = _freeze(tools, stage, config, built)
        _optimizers(tools, stage, config, built)
        probe_callbacks(tools.request, tools.answers, stage, config)
        items = tools.source.items(stage, config, ROLE, "train")
        run = _run(tools, stage, config, node, built, place, items)
        facts |= {"inputs": shapes(run.fields), "items": items.origin}
        returned = run_forward(run)
        facts["returns"] = returned.form
        valid = returned
        if validates(config):
            items = tools.source.items(stage, config, ROLE, "valid")
            run = _run(tools, stage, config, node, built, place, items)
            valid = run_forward(run, training=False)
        check_monitors(tools.answers, stage, config, returned.names, valid.names)
    except UnprobedError as why:
        tools.answers.note(str(why))
    finally:
        tools.answers.model(_facts(stage, built) | facts)


def model_node(tools: Tools, stage: Stage, config: ConfigView) -> ConfigView:
    """Return the node of the stage's model, late values filled in.

    Args:
        tools: What the probes share.
        stage: The stage.
        config: Its config, which may have a ``model`` of its own.
    """
    own = config.get("model") or _of_training(tools, stage)
    if isinstance(own, ConfigView):
        return tools.stand_ins.bound(own)
    view = tools.request.models.get(stage.model or "")
    if view is None:
        raise UnprobedError(f'the stage "{stage.name}" has no model')
    if tools.answers.is_wrong(("models", str(stage.model))):
        raise FoundError
    return tools.stand_ins.bound(view)


def _of_training(tools: Tools, stage: Stage) -> ConfigView | None:
    """Return the model that the training config of a stage has, ESPnet3 style."""
    view = tools.request.configs.get(stage.configs.get(ROLE, ""))
    own = None if view is None else view.get("model")
    return own if isinstance(own, ConfigView) else None


def _run(
    tools: Tools,
    stage: Stage,
    config: ConfigView,
    node: ConfigView,
    built: Built,
    place: Place,
    items: Items,
) -> Run:
    vocabulary = _vocabulary(tools, stage)
    samples = with_ids(items, config, vocabulary)
    fields = make_batch(tools.source, stage, config, ROLE, replace(items, samples=samples))
    return Run(
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


def _vocabulary(tools: Tools, stage: Stage) -> tuple[str, int] | None:
    """Return the field that the stage's tokenizer reads, and the number of tokens.

    It is the first of the size that the stage's config says, otherwise the first of the recipe.
    """
    makers = [other for other in tools.request.stages if other.run == "train_tokenizer"]
    blocks = [tools.tokenizers.settings(other) for other in makers]
    own = (tools.request.configs[stage.configs[ROLE]].get("tokenizer") or {}).get("vocab_size")
    same = [block for block in blocks if block["vocab_size"] == own]
    chosen = next(iter(same or blocks), None)
    return None if chosen is None else (chosen["field"], chosen["vocab_size"])


def _freeze(tools: Tools, stage: Stage, config: ConfigView, built: Built) -> int:
    built.thaw()
    selectors = config["freeze"]
    right = []
    for index, selector in enumerate(selectors):
        try:
            freeze(built.module, [selector], "")
            right.append(selector)
        except UserError as error:
            built.thaw()
            place = Place(("configs", stage.configs[ROLE]), ("freeze", index), stage.name)
            found = blame(error, tools.request.recipe_dir)
            tools.answers.finding("R807", place, error.message, help_=found.help)
    built.thaw()
    try:
        freeze(built.module, right, "")
    except UserError as error:
        place = Place(("configs", stage.configs[ROLE]), ("freeze",), stage.name)
        tools.answers.finding("R908", place, error.message)
        raise FoundError from error
    return sum(p.numel() for p in built.module.parameters() if not p.requires_grad)


def _optimizers(tools: Tools, stage: Stage, config: ConfigView, built: Built) -> None:
    owner = ("configs", stage.configs[ROLE])
    place = Place(owner, ("optimizers" if config["optimizers"] else "optimizer",), stage.name)
    if any(tools.answers.is_wrong(owner, (key,)) for key in _OPTIMIZERS):
        return
    tools.answers.step(place, "constructing the optimizer")
    trainer = config["trainer"]

    def steps(per_step: int) -> int:
        limit = trainer.get("limit_train_batches")
        most = -1 if trainer.get("max_steps") is None else trainer["max_steps"]
        return count_steps(BATCHES, limit, trainer.get("max_epochs"), most, per_step)

    try:
        make = make_named if config["optimizers"] else make_single
        make(built.module, config, steps)
    except FAILURES as error:
        judge(error, tools.answers, tools.answers.network.refused, "constructing the optimizer")
        if isinstance(error, UserError) and error.__cause__ is None:
            found = blame(error, tools.request.recipe_dir)
            if found.where == "model":  # no parameters
                place = Place(place.owner, ("optimizer",), stage.name)
            elif found.where:
                place = tools.request.place(found.where, stage, ROLE)
            tools.answers.finding("R908", place, error.message, help_=found.help)
        else:
            refuse(tools.request, tools.answers, error, place, stage, ROLE, "R908")


_OPTIMIZERS = ("optimizer", "optimizers", "scheduler", "schedulers")


def _facts(stage: Stage, built: Built) -> dict[str, Any]:
    return {
        "stage": stage.name,
        "model": stage.model,
        "name": built.name,
        "device": built.device,
        "parameters": built.parameters,
    }


__all__ = ["Tools", "model_node", "probe_train"]
