"""Try a ``train`` stage: model, freezing, optimizers, a batch of each split, monitors."""

from dataclasses import replace
from functools import partial
from typing import Any

from espnet3_runtime.build.lightning_classes import is_lightning_module
from espnet3_runtime.config import ConfigView
from espnet3_runtime.deep.build_model import ProbedModel, build_model, model_node
from espnet3_runtime.deep.forward import ForwardRun, describe_batch, run_forward
from espnet3_runtime.deep.items.samples import read_items, tokenizer_stages, with_ids
from espnet3_runtime.deep.stage_probe import StageProbe
from espnet3_runtime.deep.training.initial_weights import check_initial_weights
from espnet3_runtime.deep.training.lengths import check_lengths
from espnet3_runtime.deep.training.loaders import batches_of_epoch, read_batch
from espnet3_runtime.deep.training.monitors import check_monitors
from espnet3_runtime.deep.training.own_steps import probe_own_steps
from espnet3_runtime.deep.training.trainer import probe_trainer
from espnet3_runtime.errors import UserError
from espnet3_runtime.preflight.optimizers import try_optimizers
from espnet3_runtime.preflight.protocol import FoundError, UnprobedError
from espnet3_runtime.training.loaders import has_validation
from espnet3_runtime.training.parameter_groups import freeze_parameters


def probe_train(probe: StageProbe) -> None:
    """Try a stage.

    Raises:
        FoundError: A mistake was reported that the rest depends on.
        UnprobedError: Something cannot be tried.
    """
    config = probe.config()
    node = model_node(probe, config)
    built = build_model(probe, node)
    facts: dict[str, Any] = {"inputs": "", "items": "", "returns": "", "frozen": 0}
    try:
        facts["frozen"] = _probe_freeze(probe, config, built)
        if is_lightning_module(built.module):
            make_run = partial(_make_run, probe, config, node, built)
            probe_trainer(probe, config)
            check_initial_weights(probe, config, node, built)
            facts |= probe_own_steps(probe, config, node, built, make_run)
            return
        try_optimizers(probe, config, built.module)
        probe_trainer(probe, config)
        check_initial_weights(probe, config, node, built)
        run = _make_run(probe, config, node, built, "train")
        facts |= {"inputs": describe_batch(run.fields), "items": run.items.origin}
        valid = returned = run_forward(run)
        facts["returns"] = returned.form
        if has_validation(config):
            run = _make_run(probe, config, node, built, "valid")
            valid = run_forward(run, training=False)
        check_monitors(probe, config, returned.names, valid.names)
    except UnprobedError as why:
        probe.answers.note(str(why))
    finally:
        model = {"stage": probe.stage.name, "model": probe.stage.model, "name": built.name}
        size = {"device": built.device, "parameters": built.parameters}
        probe.answers.model(model | size | facts)


def _make_run(
    probe: StageProbe, config: ConfigView, node: ConfigView, built: ProbedModel, split: str
) -> ForwardRun:
    items = read_items(probe, config, split)
    vocabulary = _find_vocabulary(probe)
    samples = with_ids(items, config, vocabulary)
    fields = read_batch(probe, config, replace(items, samples=samples), split)
    if split == "train":
        batches = batches_of_epoch(probe, config, items)
        own_steps = is_lightning_module(built.module)
        check_lengths(probe, config, batches, own_steps=own_steps)
    optimizers = tuple(config["optimizers"] or ())
    return ForwardRun(probe, node, built, items, fields, vocabulary, optimizers)


def _find_vocabulary(probe: StageProbe) -> tuple[str, int] | None:
    """Return the field that the stage's tokenizer reads, and the number of tokens.

    It is the first of the size that the stage's config says, otherwise that of its config.
    """
    blocks = [probe.tokenizers.settings(stage) for stage in tokenizer_stages(probe)]
    config = probe.request.configs[probe.stage.configs[probe.role]]
    own = (config.get("tokenizer") or {}).get("vocab_size")
    same = [block for block in blocks if block["vocab_size"] == own]
    chosen = next(iter(same or blocks), None)
    return None if chosen is None else (chosen["field"], chosen["vocab_size"])


def _probe_freeze(probe: StageProbe, config: ConfigView, built: ProbedModel) -> int:
    built.restore_trainable()
    right, wrong = [], []
    for index, selector in enumerate(config["freeze"]):
        try:
            freeze_parameters(built.module, [selector], "")
            right.append(selector)
        except UserError as error:
            wrong.append((probe.own_location("freeze", index), error))
        built.restore_trainable()
    try:
        freeze_parameters(built.module, right, "")
    except UserError as error:
        help_ = [error.hint or "leave out the parts that shall be trained"]
        probe.answers.report_finding(
            "R908", probe.own_location("freeze"), error.message, help_=help_
        )
        raise FoundError from error
    for location, idle in wrong[:1]:  # all of a list, for example with a prefix, are one mistake
        hints, more = probe.origin(idle).help, len(wrong) - 1
        notes = [f"nor do {more} more of the list"] if more else []
        probe.answers.report_finding("R807", location, idle.message, help_=hints, notes=notes)
    return sum(p.numel() for p in built.module.parameters() if not p.requires_grad)
