"""Edits of ``digits/asr``."""

import os

from evaluation.edits import actions
from evaluation.edits.asr_code import CODE
from evaluation.edits.asr_outputs import OUTPUTS
from evaluation.edits.model import Edit, Subject, action, option, setting, text
from evaluation.edits.names import (
    DATA,
    DEMO,
    EVERY,
    FEATURES,
    INFER,
    INFERENCE,
    MEASURE,
    METRICS,
    MODEL,
    PACK,
    SPACE,
    STATS,
    TOKENS,
    TRAIN,
    TRAINING,
    UPLOAD,
)

SUBJECT = Subject(
    "digits/asr",
    (
        "training.create_dataset.sizes.train=24",
        "training.create_dataset.sizes.valid=6",
        "training.create_dataset.sizes.test=6",
        "training.trainer.max_epochs=1",
        "demo.ui.title=${oc.env:DEMO_TITLE,Spoken digits}",
    ),
)

MANIFEST = (
    Edit("nothing, in a copy elsewhere", frozenset()),
    text("recipe.yaml", "models:", "# a comment\nmodels:", name="comment in the manifest"),
    text("recipe.yaml", "recipe: digits/asr", 'recipe: "digits/asr"', name="quoted value"),
    text("recipe.yaml", "description: C", "description: Spoken c", name="description"),
    text("recipe.yaml", "\n\nstages:", "\n\n\n\nstages:", name="empty lines"),
    text(
        "recipe.yaml",
        "  training: conf/training.yaml\n  inference: conf/inference.yaml\n",
        "  inference: conf/inference.yaml\n  training: conf/training.yaml\n",
        name="order of the configs",
    ),
    text(
        "recipe.yaml",
        "sample_rate: 16000, n_mels: 80",
        "n_mels: 80, sample_rate: 16000",
        name="order of the arguments",
    ),
    text("recipe.yaml", "hidden_size: 128", "hidden_size: 96", MODEL),
    text("recipe.yaml", "n_mels: 80", "n_mels: 64", FEATURES),
    action("model renamed", "", actions.rename_model),
    text("recipe.yaml", "  demo: conf", "  spare: {a: 1}\n  demo: conf", name="unused config"),
    text("recipe.yaml", "  - upload_demo\n", "", name="stage taken out"),
    text(
        "recipe.yaml",
        "  - measure\n",
        "  - measure\n  - {name: measure_again, run: measure}\n",
        "measure_again",
        name="stage added",
    ),
    text(
        "recipe.yaml", "- measure", "- {name: score, run: measure}", "score", name="renamed stage"
    ),
    action("renamed training", "fit", actions.rename_training),
    text(
        "recipe.yaml",
        "  - pack_demo\n  - upload_demo\n",
        "  - pack_demo\n  - {name: upload_demo, description: Show it}\n",
        name="description of a stage",
    ),
    text("recipe.yaml", "recipe: digits/asr", "recipe: digits/again", f"{MEASURE} {PACK} {DEMO}"),
    text("recipe.yaml", "system: asr", "system: asr\ndata_dir: corpora", DATA, name="data_dir"),
    text("recipe.yaml", "system: asr", "system: asr\nexp_tag: second", EVERY, name="exp_tag"),
    action("manifest touched", "", lambda place: os.utime(place.recipe / "recipe.yaml", (1, 1))),
)

CONFIGS = (
    text(TRAINING, "seed: 1", "# a comment\nseed: 1", name="comment in a config"),
    text(TRAINING, "seed: 1\nnum_threads: 1", "num_threads: 1\nseed: 1", name="order of keys"),
    text(TRAINING, "model_type: word", 'model_type: "word"', name="quoted value in a config"),
    text(TRAINING, "lr: 3e-3, w", "lr: 0.003, w", name="the same number written otherwise"),
    text(TRAINING, "trainer:\n", "trainer:\n  precision: 32-true\n", name="a default written out"),
    action("line ends of Windows", "", lambda place: actions.carriage_returns(place, TRAINING)),
    text(TRAINING, "lr: 3e-3, w", "lr: 2e-3, w", f"{TRAIN} {PACK}", name="learning rate"),
    text(TRAINING, "\nseed: 1\nn", "\nseed: 2\nn", f"{STATS} {TRAIN} {PACK}", name="seed"),
    setting("training.create_dataset.seed=2", f"{DATA} {PACK}"),
    setting("training.create_dataset.sizes.train=20", f"{DATA} {PACK}"),
    setting("training.trainer.max_epochs=2", f"{TRAIN} {PACK}"),
    setting("training.trainer.enable_progress_bar=false", PACK),
    setting("training.trainer.accumulate_grad_batches=2", f"{TRAIN} {PACK}"),
    setting("training.trainer.log_every_n_steps=1", f"{TRAIN} {PACK}"),
    setting("training.dataloader.train.batches.batch_size=8", f"{TRAIN} {PACK}"),
    setting("training.dataloader.valid.batches.batch_size=8", f"{TRAIN} {PACK}"),
    setting("training.dataloader.num_workers=1", f"{TRAIN} {PACK}"),
    setting("training.dataloader.pin_memory=true", PACK),
    setting("training.num_threads=2", f"{TRAIN} {PACK}"),
    setting("training.parallel.n_workers=2", PACK),
    setting("training.collect_stats.batch_size=8", f"{STATS} {PACK}"),
    setting("training.tokenizer.vocab_size=14", f"{TOKENS} {MODEL}"),
    setting("training.tokenizer.character_coverage=0.99", f"{TOKENS} {PACK}"),
    setting("training.scheduler.pct_start=0.3", f"{TRAIN} {PACK}"),
    setting("training.best_model_criterion=[[valid/loss, 1, min]]", f"{TRAIN} {PACK}"),
    setting("training.average=false", f"{TRAIN} {PACK}"),
    setting("training.ema={decay: 0.99}", f"{TRAIN} {PACK}"),
    setting("training.freeze=[head]", f"{TRAIN} {PACK}"),
    setting("training.nan_policy=error", f"{TRAIN} {PACK}"),
    text(
        TRAINING,
        "train: [{data_src_args: {split: train}}]",
        "train: [{data_src_args: {split: train, limit: 20}}]",
        f"{TOKENS} {STATS} {TRAIN} {PACK}",
        name="another selection for training",
    ),
    text(
        TRAINING,
        "valid: [{data_src_args: {split: valid}}]",
        "valid: [{data_src_args: {split: valid, limit: 5}}]",
        f"{STATS} {TRAIN} {PACK}",
        name="another selection for validation",
    ),
    text(
        INFERENCE,
        "stages.train.best_checkpoint",
        "stages.train.averaged_checkpoint",
        f"{INFER} {PACK}",
        name="another checkpoint",
    ),
    setting("inference.batch_size=4", f"{INFER} {PACK}"),
    setting("inference.device=cpu", f"{INFER} {PACK}"),
    setting("inference.seed=5", f"{INFER} {PACK}"),
    setting("inference.num_threads=2", PACK),
    setting("inference.parallel.n_workers=2", ""),
    setting("inference.dataloader.num_workers=1", PACK),
    text(
        INFERENCE,
        "{name: test, data_src_args: {split: test}}",
        "{name: test, data_src_args: {split: test, limit: 4}}",
        f"{INFER} {MEASURE}",
        name="another selection for the test",
    ),
    text(
        INFERENCE,
        "    - {name: test,",
        "    - {name: dev, data_src_args: {split: valid}}\n    - {name: test,",
        f"{INFER} {MEASURE}",
        name="test set added",
    ),
    text(INFERENCE, "name: test,", "name: eval,", f"{INFER} {MEASURE}", name="test set renamed"),
    text(METRICS, "- name: cer", "# a comment\n  - name: cer", name="comment in the metrics"),
    text(METRICS, "- name: cer", "- name: cer_again", MEASURE, name="metric renamed"),
    text(
        METRICS,
        "metrics:\n",
        "metrics:\n  - name: accuracy\n"
        "    metric: {_target_: espnet3_runtime.metrics.accuracy.Accuracy}\n"
        '    inputs: {ref: "dataset:text", hyp: text}\n',
        MEASURE,
        name="metric added",
    ),
    setting("metrics.dataset={test: [{name: test}]}", MEASURE),
    setting("publication.pack_model.include_model_detail=true", PACK),
    setting("publication.pack_model.readme_context={note: x}", PACK),
    setting("publication.upload_model.private=true", UPLOAD),
    setting("publication.upload_model.hf_repo=espnet/other", UPLOAD),
    setting("demo.ui.title=Numbers", DEMO),
    setting("demo.model.device=cpu", DEMO),
    setting("demo.upload_demo.private=true", SPACE),
    text("conf/demo.yaml", "Say some digits", "Speak some digits", DEMO, name="text of the demo"),
)

OTHERS = (
    Edit("variable that the demo reads", frozenset({DEMO}), environment={"DEMO_TITLE": "Numbers"}),
    Edit("variable that nothing reads", frozenset(), environment={"DEMO_SUBTITLE": "Numbers"}),
    option("--set training.optimizer.lr=2e-3", f"{TRAIN} {PACK}"),
    option("--set training.optimizer.lr=3e-3", ""),
    option("--set inference.batch_size=8", f"{INFER} {PACK}"),
    option("--set ctc.hidden_size=64", MODEL),
    option("--set recipe.exp_tag=other", EVERY),
    option(
        "--training_config conf/same.yaml", "", lambda place: actions.copy_config(place, "3e-3")
    ),
    option(
        "--training_config conf/same.yaml",
        f"{TRAIN} {PACK}",
        lambda place: actions.copy_config(place, "1e-3"),
    ),
)

VERSIONS = (
    actions.bumped("python", EVERY),
    actions.bumped("espnet3-compile", EVERY),
    actions.bumped("torch", FEATURES),
    actions.bumped("lightning", TRAIN),
    actions.bumped("sentencepiece", f"{TOKENS} {STATS} {MODEL}"),
    actions.bumped("espeakng_loader", DATA),
    actions.bumped("safetensors", PACK),
    actions.bumped("jiwer", MEASURE),
    actions.bumped("hypothesis", ""),
)


EDITS = (*MANIFEST, *CONFIGS, *CODE, *OUTPUTS, *OTHERS, *VERSIONS)
