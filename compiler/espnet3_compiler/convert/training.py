"""The training config."""

from espnet3_compiler.convert.dataloader import carry_dataloader
from espnet3_compiler.convert.dataset import carry_entries, carry_preprocessor, carry_rest
from espnet3_compiler.convert.draft import PLACES, RESOLVED, Block, Draft, Reasons
from espnet3_compiler.convert.notes import CHANGED, DEAD, DROPPED, MOVED
from espnet3_compiler.convert.optimizers import carry_optimizers
from espnet3_compiler.tree import Plain
from espnet3_schemas import TARGET

REASONS: Reasons = {
    **PLACES,
    "task": (MOVED, "stands in the manifest, models.*.task; ESPnet3's copies as ESPnet2's own"),
    "exp_tag": (MOVED, "stands in the manifest; without it, the manifest's file name is the tag"),
    "exp_dir": (MOVED, "stands in the manifest where it is not exp/${exp_tag}"),
    "stats_dir": (MOVED, "collect_stats writes into ${exp_dir}/collect_stats"),
    "dataset_dir": (MOVED, RESOLVED),
    "num_device": (MOVED, "stands in trainer.devices"),
    "num_nodes": (MOVED, "stands in trainer.num_nodes"),
    "inference_dir": (MOVED, "a stage writes into ${exp_dir}/<stage>"),
    "init": (
        DEAD,
        "the trainer never reads it; a task's own model.init does initialise the weights",
    ),
    "stage_log_mode": (DROPPED, "rank 0 writes the log of every stage"),
    "sampler": (DROPPED, "a batch sampler of your own goes to dataloader.train.sampler"),
    "remove_long_short": (DROPPED, "write it as a stage: {name: remove_long_short, call: src.…}"),
    "create_token_list": (DROPPED, "write it as a stage: {name: create_token_list, call: src.…}"),
}


def carry_training(root: Block) -> Draft:
    """Return our training config; the model is left to ``models``."""
    draft = Draft()
    _carry_data(root, draft)
    _carry_tokenizer(root.block("tokenizer"), draft)
    root.move(draft, "collect_stats_batch_size", ("collect_stats", "batch_size"))
    if root.raw("collect_stats_train_mode") is True:
        root.note("collect_stats_train_mode", DROPPED, "statistics are taken without augmentation")
    carry_parallel(root.block("parallel"), draft)
    carry_dataloader(root, draft)
    carry_optimizers(root, draft)
    root.move(draft, "best_model_criterion", ("best_model_criterion",))
    root.move(draft, "seed", ("seed",))
    _carry_trainer(root.block("trainer"), draft, clips=not root.has("optimizers"))
    root.block("fit").move(draft, "ckpt_path", ("fit", "ckpt_path"))
    root.entry("model")
    root.rest(REASONS, (MOVED, RESOLVED))
    return draft


def _carry_data(root: Block, draft: Draft) -> None:
    create = root.block("create_dataset")
    create.note("func", DEAD, "nothing calls it; a stage {name: …, call: src.…} would")
    for entry in create.node or ():
        if entry.name not in create.taken:
            create.move(draft, entry.name, ("create_dataset", entry.name), null=True)
    dataset = root.block("dataset")
    for split in ("train", "valid", "test"):
        entries = carry_entries(dataset, split, draft)
        if entries:
            draft.put(("dataset", split), entries, dataset.span(split))
    carry_preprocessor(dataset, draft, ("train", "valid"))
    carry_rest(dataset)


def _carry_tokenizer(block: Block, draft: Draft) -> None:
    if not block.node:
        return
    names = ("vocab_size", "model_type", "character_coverage", "user_defined_symbols", "train_file")
    for name in names:
        block.move(draft, name, ("tokenizer", name))
    for name in ("character_coverage", "user_defined_symbols"):
        if block.is_users(name):
            block.note(name, CHANGED, "ESPnet3 does not read it; here it has an effect")
    builder = block.block("text_builder")
    target = builder.value("func")
    if isinstance(target, str):
        arguments: dict[str, Plain] = {TARGET: builder.context.target(target)}
        for entry in builder.node or ():
            if entry.name != "func":
                arguments[entry.name] = builder.value(entry.name)
        draft.put(("tokenizer", "text_builder"), arguments, builder.span("func"))
    moved = (
        "the stage writes ${exp_dir}/train_tokenizer; paths into it became ${stages.…} references"
    )
    block.rest({"save_path": (MOVED, moved)})


def carry_parallel(block: Block, draft: Draft) -> None:
    """Write the ``parallel`` block of a training or inference config."""
    for name in ("env", "n_workers", "options"):
        block.move(draft, name, ("parallel", name))
    if block.raw("allow_overwrite_lock") is True:
        why = "locks of dead workers are recognised and replaced"
        block.note("allow_overwrite_lock", DROPPED, why)
    block.rest({})


_LIGHTNING = {"check_val_every_n_epoch": 1}
"""Values that are Lightning's own defaults: they need not be written."""


def _carry_trainer(block: Block, draft: Draft, *, clips: bool) -> None:
    _carry_logger(block, draft)
    _carry_callbacks(block, draft)
    block.note("init", DEAD, "Lightning's Trainer has no such argument")
    forced = "batches are planned and spread over the devices by the runtime"
    for name in ("use_distributed_sampler", "reload_dataloaders_every_n_epochs"):
        block.note(name, DROPPED, forced)
    for entry in block.node or ():
        if entry.name not in block.taken:
            if entry.name == "gradient_clip_val" and not (clips or block.is_users(entry.name)):
                continue  # ESPnet3 would refuse its own default beside several optimizers
            value = block.value(entry.name)
            if _LIGHTNING.get(entry.name, object()) != value:
                draft.put(("trainer", entry.name), value, entry.key.span)


def _carry_logger(block: Block, draft: Draft) -> None:
    loggers = block.value("logger")
    listed = loggers if isinstance(loggers, list) else [loggers]
    targets = [str(each[TARGET]) for each in listed if isinstance(each, dict)]
    if any(not target.endswith(".TensorBoardLogger") for target in targets):
        draft.put(("trainer", "logger"), loggers, block.span("logger"))
    elif targets and block.is_users("logger"):
        block.note("logger", MOVED, "built in: TensorBoard in ${exp_dir}/train/tensorboard, curves")


def _carry_callbacks(block: Block, draft: Draft) -> None:
    kept: list[Plain] = []
    for item in block.items("callbacks"):
        target = str(item.raw(TARGET))
        if target.endswith(".EMACallback"):
            draft.put(("ema", "decay"), item.value("decay") or 0.999, item.span(TARGET))
            item.rest({}, (DROPPED, "ema has decay alone"))
        elif target.startswith("espnet3."):
            item.note(TARGET, DROPPED, "a callback of ESPnet3's own trainer")
        elif item.node is not None:
            kept.append(item.carry(item.node, item.path))
    if kept:
        draft.put(("trainer", "callbacks"), kept, block.span("callbacks"))
