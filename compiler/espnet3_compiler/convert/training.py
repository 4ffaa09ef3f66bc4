"""Convert the training config."""

from espnet3_compiler.convert.dataloader import convert_dataloader
from espnet3_compiler.convert.dataset import convert_dataset
from espnet3_compiler.convert.draft import Block, ConfigDraft, Reasons
from espnet3_compiler.convert.notes import CHANGED, DEAD, DROPPED, MOVED
from espnet3_compiler.syntax.tree import Plain
from espnet3_schemas import TARGET


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
    """Note arguments of ESPnet3's default target that stay below another target."""
    node = root.take_block(name)
    if not node.is_user_written(TARGET):
        return
    left = [e.name for e in node.node or () if not node.is_user_written(e.name)]
    if left:
        why = f"ESPnet3 passes it {', '.join(left)} of its own default besides; so do we"
        node.add_note(TARGET, CHANGED, why)


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


REASONS: Reasons = {
    "task": (MOVED, "is in the manifest, models.*.task; ESPnet3's copies as ESPnet2's own"),
    "exp_tag": (MOVED, "is in the manifest; without it, the manifest's file name is the tag"),
    "exp_dir": (MOVED, "is in the manifest where it is not exp/${exp_tag}"),
    "stats_dir": (MOVED, "collect_stats writes into ${exp_dir}/collect_stats"),
    "num_device": (MOVED, "is in trainer.devices"),
    "num_nodes": (MOVED, "is in trainer.num_nodes"),
    "inference_dir": (MOVED, "a stage writes into ${exp_dir}/<stage>"),
    "init": (DEAD, "the trainer never reads it; a task's model.init does initialise the weights"),
    "stage_log_mode": (DROPPED, "rank 0 writes the log of every stage"),
    "sampler": (DROPPED, "a batch sampler of your own goes to dataloader.train.sampler"),
    "remove_long_short": (DROPPED, "write it as a stage: {name: remove_long_short, call: src.…}"),
    "create_token_list": (DROPPED, "write it as a stage: {name: create_token_list, call: src.…}"),
}


def convert_training(root: Block) -> ConfigDraft:
    """Return our training config; ``models`` converts the model."""
    draft = ConfigDraft()
    _convert_data(root, draft)
    _convert_tokenizer(root.take_block("tokenizer"), draft)
    root.move_key(draft, "collect_stats_batch_size", ("collect_stats", "batch_size"))
    if root.raw_value("collect_stats_train_mode") is True:
        why = "statistics are taken without augmentation"
        root.add_note("collect_stats_train_mode", DROPPED, why)
    convert_parallel(root.take_block("parallel"), draft)
    convert_dataloader(root, draft)
    _convert_optimizers(root, draft)
    for name in ("best_model_criterion", "seed"):
        root.move_key(draft, name, (name,))
    _convert_trainer(root.take_block("trainer"), draft, clips=not root.has_value("optimizers"))
    root.take_block("fit").move_key(draft, "ckpt_path", ("fit", "ckpt_path"))
    root.entry("model")
    root.note_root_keys(REASONS)
    return draft


def _convert_data(root: Block, draft: ConfigDraft) -> None:
    create = root.take_block("create_dataset")
    create.add_note("func", DEAD, "nothing calls it; a stage {name: …, call: src.…} would")
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
            block.add_note(name, CHANGED, "ESPnet3 does not read it; here it has an effect")
    builder = block.take_block("text_builder")
    target = builder.value("func")
    if isinstance(target, str):
        arguments: dict[str, Plain] = {TARGET: builder.context.target(target)}
        for entry in builder.node or ():
            if entry.name != "func":
                arguments[entry.name] = builder.value(entry.name)
        draft.set_value(("tokenizer", "text_builder"), arguments, builder.span("func"))
    why = "the stage writes ${exp_dir}/train_tokenizer; paths into it became ${stages.…} references"
    block.note_rest({"save_path": (MOVED, why)})


def convert_parallel(block: Block, draft: ConfigDraft) -> None:
    """Write the ``parallel`` block of a training or inference config."""
    for name in ("env", "n_workers", "options"):
        block.move_key(draft, name, ("parallel", name))
    if block.raw_value("allow_overwrite_lock") is True:
        why = "locks of dead workers are recognised and replaced"
        block.add_note("allow_overwrite_lock", DROPPED, why)
    block.note_rest({})


def _convert_trainer(block: Block, draft: ConfigDraft, *, clips: bool) -> None:
    _convert_logger(block, draft)
    _convert_callbacks(block, draft)
    block.add_note("init", DEAD, "Lightning's Trainer has no such argument")
    forced = "batches are planned and spread over the devices by the runtime"
    for name in ("use_distributed_sampler", "reload_dataloaders_every_n_epochs"):
        block.add_note(name, DROPPED, forced)
    if not (clips or block.is_user_written("gradient_clip_val")):
        block.entry("gradient_clip_val")  # ESPnet3 refuses its own default with several optimizers
    for entry in block.node or ():
        if entry.name not in block.taken:
            value = block.value(entry.name)
            if (entry.name, value) != ("check_val_every_n_epoch", 1):  # Lightning's default
                draft.set_value(("trainer", entry.name), value, entry.key.span)


def _convert_logger(block: Block, draft: ConfigDraft) -> None:
    loggers = block.value("logger")
    listed = loggers if isinstance(loggers, list) else [loggers]
    targets = [str(each[TARGET]) for each in listed if isinstance(each, dict)]
    if any(not target.endswith(".TensorBoardLogger") for target in targets):
        draft.set_value(("trainer", "logger"), loggers, block.span("logger"))
    elif targets and block.is_user_written("logger"):
        why = "built in: TensorBoard in ${exp_dir}/train/tensorboard, curves"
        block.add_note("logger", MOVED, why)


def _convert_callbacks(block: Block, draft: ConfigDraft) -> None:
    kept: list[Plain] = []
    for item in block.items("callbacks"):
        target = str(item.raw_value(TARGET))
        if target.endswith(".EMACallback"):
            draft.set_value(("ema", "decay"), item.value("decay") or 0.999, item.span(TARGET))
            item.note_rest({}, (DROPPED, "ema has no key but decay"))
        elif target.startswith("espnet3."):
            item.add_note(TARGET, DROPPED, "a callback of ESPnet3's own trainer")
        elif item.node is not None:
            kept.append(item.convert_value(item.node, item.path))
    if kept:
        draft.set_value(("trainer", "callbacks"), kept, block.span("callbacks"))
