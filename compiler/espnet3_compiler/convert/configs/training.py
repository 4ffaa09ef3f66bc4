"""Convert the training config."""

from espnet3_compiler.convert.configs.artifacts import checkpoint_stage
from espnet3_compiler.convert.configs.dataloader import convert_dataloader
from espnet3_compiler.convert.configs.dataset import convert_dataset
from espnet3_compiler.convert.configs.draft import Block, ConfigDraft, Reasons
from espnet3_compiler.convert.notes import became, left_out, lost
from espnet3_compiler.syntax.tree import Plain
from espnet3_schemas import TARGET

BUILT_IN_CALLBACKS = (
    "AverageCheckpointsCallback",
    "MetricsLogger",
    "TrainBatchMetricsLogger",
    "ModelCheckpoint",
)
"""Callbacks of ESPnet3 whose work our training does by itself."""


def _convert_optimizers(root: Block, draft: ConfigDraft) -> None:
    """Write the optimizers of a training config."""
    if root.has_value("optimizers"):
        _convert_named(root, draft)
        return
    for name in ("optimizer", "scheduler"):
        _note_leaked_defaults(root, name)
        root.move_key(draft, name, (name,), null=True)
    for name in ("scheduler_interval", "scheduler_monitor"):
        root.move_key(draft, name, (name,))
    root.taken |= {"optimizers", "schedulers"}


def _note_leaked_defaults(root: Block, name: str) -> None:
    """Note arguments of the template's default target that stay below another target."""
    node = root.take_block(name)
    if not node.is_user_written(TARGET):
        return
    left = [e.name for e in node.node or () if not node.is_user_written(e.name)]
    if left:
        why = f"ESPnet3 passes it {', '.join(left)} of its own default besides; so do we"
        node.add_note(TARGET, became(f"it with {', '.join(left)}", why))


def _convert_named(root: Block, draft: ConfigDraft) -> None:
    root.move_key(draft, "optimizers", ("optimizers",))
    schedulers = root.value("schedulers")
    if isinstance(schedulers, dict):
        for value in schedulers.values():
            if isinstance(value, dict):
                value.setdefault("interval", "epoch")  # ESPnet3's default; ours is step
        draft.set_value(("schedulers",), schedulers, root.span("schedulers"))
    for name in ("optimizer", "scheduler"):
        draft.set_value((name,), None)  # a variant may extend a config that has them
    root.taken |= {"optimizer", "scheduler", "scheduler_interval", "scheduler_monitor"}
    for name in ("optimizer", "scheduler", "scheduler_interval", "scheduler_monitor"):
        if root.is_user_written(name) and root.has_value(name):
            root.add_note(name, lost("beside optimizers, ESPnet3 refuses it"))


REASONS: Reasons = {
    "task": became("models.*.task in the manifest", "ESPnet3's copies as ESPnet2's own"),
    "exp_tag": became("exp_tag of the manifest", "without it, the manifest's file name is the tag"),
    "exp_dir": became("exp_dir of the manifest", "it is there where it is not exp/${exp_tag}"),
    "stats_dir": became("${exp_dir}/collect_stats", "each stage has its directory"),
    "num_device": became("trainer.devices", "ESPnet3's template gives it to the trainer"),
    "num_nodes": became("trainer.num_nodes", "ESPnet3's template gives it to the trainer"),
    "inference_dir": became("${exp_dir}/<stage>", "each stage has its directory"),
    "dataset_dir": left_out("ESPnet3 only looks whether it is there"),
    "init": left_out("ESPnet3's trainer never reads it; a task's model.init does"),
    "sampler": lost("a batch sampler of your own goes to dataloader.train.sampler"),
}


def convert_training(root: Block) -> ConfigDraft:
    """Return our training config; ``models`` converts the model."""
    draft = ConfigDraft()
    _convert_data(root, draft)
    _convert_tokenizer(root.take_block("tokenizer"), draft)
    root.move_key(draft, "collect_stats_batch_size", ("collect_stats", "batch_size"))
    if root.raw_value("collect_stats_train_mode") is True:
        why = "statistics are those of the data as they are, without augmentation"
        root.add_note("collect_stats_train_mode", lost(why))
    if root.raw_value("stage_log_mode") == "per_rank":
        root.add_note("stage_log_mode", became("rank0", "rank 0 writes the log of a stage"))
    convert_parallel(root.take_block("parallel"), draft)
    convert_dataloader(root, draft)
    _convert_optimizers(root, draft)
    root.move_key(draft, "best_model_criterion", ("best_model_criterion",))
    root.move_key(draft, "seed", ("seed",), null=root.is_user_written("seed"))
    _note_devices(root)
    _convert_trainer(root.take_block("trainer"), draft, clips=not root.has_value("optimizers"))
    _convert_fit(root.take_block("fit"), draft)
    root.entry("model")
    root.note_root_keys(REASONS)
    return draft


def _note_devices(root: Block) -> None:
    """Note numbers of devices that nothing gives to the trainer."""
    trainer = root.look_at("trainer")
    for name, key in (("num_device", "devices"), ("num_nodes", "num_nodes")):
        value = root.look_at(name)
        given = trainer.get(key) if isinstance(trainer, dict) else None
        if value not in (None, 1, given):
            root.add_note(name, lost(f"nothing gives it to the trainer: write trainer.{key}"))


def _convert_fit(block: Block, draft: ConfigDraft) -> None:
    path, artifacts = block.look_at("ckpt_path"), block.context.artifacts
    reference = artifacts.checkpoint_reference(path) if isinstance(path, str) else None
    found = checkpoint_stage(reference)
    if found and found[0] == artifacts.names.get("train", "train"):
        block.raw_value("ckpt_path")
        why = "the same command goes on where it was cut off, from a checkpoint of its own"
        block.add_note("ckpt_path", left_out(why))
    else:
        block.move_key(draft, "ckpt_path", ("fit", "ckpt_path"))
    block.note_rest({}, lost("an argument of Trainer.fit without an equivalent"))


def _convert_data(root: Block, draft: ConfigDraft) -> None:
    create = root.take_block("create_dataset")
    create.add_note("func", left_out("nothing calls it; a stage {name: …, call: src.…} would"))
    for entry in create.node or ():
        if entry.name not in create.taken:
            create.move_key(draft, entry.name, ("create_dataset", entry.name), null=True)
    convert_dataset(
        root.take_block("dataset"), draft, ("train", "valid", "test"), ("train", "valid")
    )


def _convert_tokenizer(block: Block, draft: ConfigDraft) -> None:
    if not block.node:
        return
    names = ("vocab_size", "model_type", "character_coverage", "user_defined_symbols", "train_file")
    for name in names:
        block.move_key(draft, name, ("tokenizer", name))
    for name in ("character_coverage", "user_defined_symbols"):
        if block.is_user_written(name):
            why = "ESPnet3 does not read it; here it has an effect"
            block.add_note(name, became("the same key", why))
    builder = block.take_block("text_builder")
    target = builder.value("func")
    if isinstance(target, str):
        arguments: dict[str, Plain] = {TARGET: builder.context.target(target)}
        for entry in builder.node or ():
            if entry.name != "func":
                arguments[entry.name] = builder.value(entry.name)
        draft.set_value(("tokenizer", "text_builder"), arguments, builder.span("func"))
        builder.add_note("func", became(f"text_builder.{TARGET}", "it has another name"))
    why = "paths into it became ${stages.train_tokenizer.…} references"
    block.note_rest({"save_path": became("${exp_dir}/train_tokenizer", why)})


def convert_parallel(block: Block, draft: ConfigDraft) -> None:
    """Write the ``parallel`` block of a training or inference config."""
    for name in ("env", "n_workers", "options"):
        block.move_key(draft, name, ("parallel", name))
    block.raw_value("allow_overwrite_lock")
    why = "locks of dead workers are recognised and replaced, and no others"
    block.add_note("allow_overwrite_lock", left_out(why))
    block.note_rest({})


def _convert_trainer(block: Block, draft: ConfigDraft, *, clips: bool) -> None:
    _convert_logger(block, draft)
    _convert_callbacks(block, draft)
    block.add_note("init", lost("Lightning's Trainer has no such argument: ESPnet3 fails"))
    forced = left_out("batches are planned and spread over the devices by the runtime")
    for name in ("use_distributed_sampler", "reload_dataloaders_every_n_epochs"):
        block.add_note(name, forced)
    if not (clips or block.is_user_written("gradient_clip_val")):
        block.entry("gradient_clip_val")  # ESPnet3 refuses its own default with several optimizers
    for entry in block.node or ():
        if entry.name not in block.taken:
            value = block.value(entry.name)
            if (entry.name, value) != ("check_val_every_n_epoch", 1):  # Lightning's default
                draft.set_value(("trainer", entry.name), value, entry.key.span)


def _convert_logger(block: Block, draft: ConfigDraft) -> None:
    """Write the loggers: a list here, and one of TensorBoard is built in."""
    loggers = block.look_at("logger")
    is_mapping = isinstance(loggers, dict)
    listed: list[Plain] = loggers if isinstance(loggers, list) else [loggers]
    targets = [str(each[TARGET]) for each in listed if isinstance(each, dict) and TARGET in each]
    if any(not target.endswith(".TensorBoardLogger") for target in targets):
        value = block.value("logger")
        whole: list[Plain] = value if isinstance(value, list) else [value]
        draft.set_value(("trainer", "logger"), whole, block.span("logger"))
        if is_mapping:
            block.add_note("logger", became("a list of one", "trainer.logger is a list"))
    elif targets and block.is_user_written("logger"):
        to = "${exp_dir}/train/tensorboard, and curves"
        block.add_note("logger", became(to, "it is built in"))
    elif isinstance(loggers, bool):
        draft.set_value(("trainer", "logger"), block.value("logger"), block.span("logger"))
    block.entry("logger")
    if loggers is not None and not isinstance(loggers, bool) and not targets:
        block.add_note("logger", lost("a logger is a mapping with _target_"))


def _convert_callbacks(block: Block, draft: ConfigDraft) -> None:
    kept: list[Plain] = []
    for item in block.items("callbacks"):
        target = str(item.look_at(TARGET))
        if target.endswith(".EMACallback"):
            _convert_ema(item, draft)
        elif target.startswith("espnet3.") and target.endswith(BUILT_IN_CALLBACKS):
            item.add_note(TARGET, left_out("the training does this by itself"))
            item.note_rest({}, left_out("the training does this by itself"))
        elif target.startswith("espnet3."):
            item.add_note(TARGET, lost("a callback of ESPnet3's own trainer"))
            item.note_rest({}, lost("a callback of ESPnet3's own trainer"))
        elif item.node is not None:
            kept.append(item.convert_value(item.node, item.path))
    if kept:
        draft.set_value(("trainer", "callbacks"), kept, block.span("callbacks"))


def _convert_ema(item: Block, draft: ConfigDraft) -> None:
    draft.set_value(("ema", "decay"), item.value("decay") or 0.999, item.span(TARGET))
    for name in (TARGET, "decay"):
        item.add_note(name, became("ema.decay", "the moving average is built in"))
    item.note_rest({}, lost("ema has no key but decay"))
