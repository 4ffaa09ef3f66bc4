"""The table of small ESPnet3 recipes: one after each system of its public history, and more."""

from tests.compiler.convert.shapes_batches import (
    BY_FIELD,
    CATEGORIES,
    CHUNKS,
    FOLDED,
    POWERS,
    SEVERAL_CHUNKS,
)
from tests.compiler.convert.shapes_kit import (
    ASR,
    INFERENCE,
    METRICS,
    TRAINING,
    Shape,
    merge_texts,
)
from tests.compiler.convert.shapes_systems import (
    CURRICULUM,
    INFERENCE_CODE,
    LABELS,
    LM,
    MIXINS,
    SPK,
    SSL,
    ST,
    SVS,
    TTS,
)

TASK = """
task: espnet2.tasks.{task}
model: {{token_list: [<blank>, <unk>, a, <sos/eos>], token_type: char, {options}}}
dataset:
  train: [{{data_src_args: {{split: train}}}}]
  valid: [{{data_src_args: {{split: valid}}}}]
  preprocessor: {{_target_: espnet2.train.preprocessor.CommonPreprocessor, token_type: char}}
"""
SPEECH2TEXT = """
exp_tag: training
dataset: {test: [{name: test, data_src_args: {split: test}}]}
model:
  _target_: espnet2.bin.asr_inference.Speech2Text
  asr_train_config: ${exp_dir}/config.yaml
  asr_model_file: ${exp_dir}/valid.loss.ave_2best.pth
  beam_size: 3
input_key: speech
"""
OLD_RUN = """from egs3.TEMPLATE.asr.run import DEFAULT_STAGES, build_parser, main
from {module} import {name}

if __name__ == "__main__":
    parser = build_parser(stages=DEFAULT_STAGES)
    args = parser.parse_args()
    main(args=args, system_cls={launched}, stages=DEFAULT_STAGES)
"""
CURRICULUM_RUN = """from pathlib import Path

from egs3.TEMPLATE.asr.run import DEFAULT_STAGES, build_parser, main
from src.system import Curriculum

ALL_STAGES = DEFAULT_STAGES + ["train_easy", "train_full"]

if __name__ == "__main__":
    parser = build_parser(stages=ALL_STAGES)
    parser.add_argument("--training_easy_config", type=Path)
    parser.add_argument("--training_full_config", type=Path)
    args = parser.parse_args()
    main(args=args, system_cls=lambda **configs: Curriculum(**configs), stages=ALL_STAGES)
"""
EASY = merge_texts(TRAINING, "{scheduler: {step_size: 2}, trainer: {max_epochs: 1}, exp_tag: easy}")
TOKENS = """from pathlib import Path


def write_tokens(config):
    folder = Path(config.token_list.save_path)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokens.txt").write_text(f"{config.token_list.cutoff} {config.exp_dir}")
"""
OWN_METRIC = """
metrics:
  - metric: {{_target_: src.metrics.{name}, threshold: 0.5}}
    inputs: {{ref: "dataset:label", hyp: text}}
"""
AUDIO = merge_texts(
    INFERENCE, "{output_keys: [wav], output_artifacts: {wav: {type: wav, sample_rate: 16000}}}"
)
KNOWN_METRICS = """
metrics:
  - metric:
      _target_: espnet3.components.metrics.versa.VersaMetric
      score_config: [{name: pesq}, {name: pseudo_mos, predictor_types: [utmos]}]
      io: soundfile
    inputs: {wav: wav, ref: "dataset:speech", text: "dataset:text"}
  - metric: {_target_: espnet3.systems.enh.metrics.STOIMetric, ref_key: clean, fs: 8000}
    inputs: {clean: "dataset:speech", enhanced: wav}
  - metric: {_target_: espnet3.systems.enh.metrics.sisnr.SISNRMetric}
    inputs: {reference: "dataset:speech", enhanced: wav}
"""
METRIC_CODE = """from espnet3.components.metrics.base_metric import BaseMetric


class {name}(BaseMetric):
    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
"""
GAN = """
model: {_target_: src.model.Net, size: 4}
optimizer:
scheduler:
scheduler_interval:
optimizers:
  generator: {optimizer: {_target_: torch.optim.Adam, lr: 0.1}, params: layer.weight}
  discriminator: {optimizer: {_target_: torch.optim.Adam, lr: 0.1}, params: layer.bias}
schedulers:
  generator: {scheduler: {_target_: torch.optim.lr_scheduler.StepLR, step_size: 2}}
  discriminator: {scheduler: {_target_: torch.optim.lr_scheduler.StepLR, step_size: 2}}
"""
ONE_SET = "{dataset: {train: [{data_src_args: {split: train}}]}}"
SHARDED = """import numpy as np
from espnet3.components.data.dataset import ShardedDataset


class Dataset(ShardedDataset):
    def __init__(self, split: str) -> None:
        self.split = split
        self.total_shards = 2
        self.dist_world_size = 1

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> dict:
        return {"speech": np.full(4, index, dtype=np.float32)}

    def shard(self, index: int) -> "Shard":
        return Shard(self, range(index, len(self), self.total_shards))


class Shard:
    def __init__(self, whole: Dataset, items: range) -> None:
        self.whole, self.items = whole, items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict:
        return self.whole[self.items[index]]
"""
INFERRED = f"{Shape.stages} infer"
MEASURED = f"{INFERRED} measure"


def inferred_by(changes: str) -> dict[str, str]:
    """Return the files of a recipe that infers in another way than to call a model."""
    config = merge_texts(INFERENCE, changes)
    return {"conf/inference.yaml": config, "src/inference.py": INFERENCE_CODE}


SHAPES = {
    "asr": Shape(
        ASR,
        TASK.format(task="asr.ASRTask", options="encoder: transformer"),
        {"conf/inference.yaml": SPEECH2TEXT, "conf/metrics.yaml": METRICS},
        template="esp2_asr",
        stages=MEASURED,
    ),
    "asr_old": Shape(
        ("espnet3.systems.asr.system", "ASRSystem"),
        "scheduler: {_target_: torch.optim.lr_scheduler.StepLR, step_size: 5}",
        {
            "conf/inference.yaml": merge_texts(
                INFERENCE,
                "{output_keys: [label, text], contract: {outputs: {label: {kind: text}}}}",
            ),
            "conf/metrics.yaml": "metrics: [{metric: "
            "{_target_: espnet3.systems.asr.metrics.wer.WER, ref_key: label, hyp_key: text}}]",
        },
        run=OLD_RUN.format(
            module="espnet3.systems.asr.system", name="ASRSystem", launched="ASRSystem"
        ),
        template="asr",
        stages=MEASURED,
    ),
    "tts": Shape(
        ("espnet3.systems.tts.system", "TTSSystem"),
        "token_list: {save_path: '${data_dir}/tokens', cutoff: 2}",
        {
            "/espnet3/systems/tts/system.py": TTS,
            "src/tokens.py": TOKENS,
            "conf/inference.yaml": INFERENCE,
        },
        stages="create_dataset create_token_list collect_stats train infer",
    ),
    "spoken": Shape(
        files={
            "conf/inference.yaml": AUDIO,
            "conf/metrics.yaml": KNOWN_METRICS,
        },
        stages=MEASURED,
    ),
    "gan_tts": Shape(training=GAN),
    "codec": Shape(
        training=GAN,
        files={
            "conf/inference.yaml": merge_texts(
                INFERENCE,
                "{output_keys: [wav, text],"
                " output_artifacts: {wav: {type: wav, sample_rate: 16000}}}",
            ),
            "conf/metrics.yaml": OWN_METRIC.format(name="STOI"),
            "src/metrics.py": METRIC_CODE.format(name="STOI"),
        },
        stages=MEASURED,
    ),
    "svs": Shape(
        ("src.system", "SVSSystem"),
        files={
            "src/system.py": SVS,
            "conf/vocoder.yaml": merge_texts(TRAINING, "model: {_target_: src.model.Net, size: 8}"),
            "conf/inference.yaml": INFERENCE,
        },
        stages="create_dataset collect_stats train_acoustic train_vocoder infer",
    ),
    "enh": Shape(training=CHUNKS),
    "chunks": Shape(training=SEVERAL_CHUNKS, lost=("dataloader.train.iter_factory.chunk_length",)),
    "tse": Shape(
        training=BY_FIELD,
        files={
            "conf/inference.yaml": merge_texts(
                INFERENCE,
                "{model: {_target_: src.model.Decoder, weights: owsm.pth},"
                " input_key: [speech, enroll]}",
            ),
            "owsm.pth": "",
        },
        stages=INFERRED,
    ),
    "cls": Shape(training=CATEGORIES),
    "ssl": Shape(
        ("egs3.toy.ssl.src.system", "SSLSystem"),
        files={
            "src/system.py": SSL,
            "conf/training_tokenizer.yaml": merge_texts(TRAINING, "exp_tag: tokenizer"),
            "conf/targets.yaml": "{clusters: 100, layer: 6, out: data/targets}",
        },
        stages="create_dataset collect_tokenizer_stats train_tokenizer_model make_targets train",
    ),
    "lid": Shape(
        training="{defaults: [optim: sgd, _self_], optimizer: '${optim.optimizer}'}",
        files={
            "conf/optim/sgd.yaml": "optimizer: {_target_: torch.optim.SGD, lr: 0.1}",
            "conf/inference.yaml": INFERENCE,
            "conf/metrics.yaml": OWN_METRIC.format(name="Accuracy"),
            "src/metrics.py": METRIC_CODE.format(name="Accuracy"),
        },
        stages=MEASURED,
    ),
    "spk": Shape(
        ("src.system", "SpeakerSystem"),
        files={
            "src/system.py": SPK,
            "conf/inference.yaml": INFERENCE,
            "conf/metrics.yaml": OWN_METRIC.format(name="EER"),
            "src/metrics.py": METRIC_CODE.format(name="EER"),
        },
        stages="create_dataset train infer measure",
    ),
    "diar": Shape(
        files={
            "conf/inference.yaml": merge_texts(INFERENCE, "output_artifacts: {text: {type: json}}"),
            "conf/metrics.yaml": OWN_METRIC.format(name="DER"),
            "src/metrics.py": METRIC_CODE.format(name="DER"),
        },
        stages=MEASURED,
    ),
    "st": Shape(
        ("src.system", "STSystem"),
        "{src_tokenizer: {vocab_size: 10, save_path: data/src}, seed: 3}",
        files={
            "src/system.py": ST,
            "src/mixins.py": MIXINS,
            "src/tokenizer.py": "def build(config, seed): ...\n",
        },
        stages="create_dataset train_src_tokenizer train",
    ),
    "slu": Shape(ASR, TASK.format(task="slu.SLUTask", options="decoder: rnn"), template="esp2_asr"),
    "s2t": Shape(
        training=None,
        files={
            "conf/inference.yaml": merge_texts(
                INFERENCE, "model: {_target_: src.model.Decoder, weights: owsm.pth, beam_size: 5}"
            ),
            "conf/metrics.yaml": METRICS,
            "owsm.pth": "",
        },
        stages="infer measure",
    ),
    "vc": Shape(files=inferred_by("output_fn: src.inference.build"), stages=INFERRED),
    "vc_by_number": Shape(
        files=inferred_by("output_fn: src.inference.build_third"),
        lost=("output_fn",),
        stages=INFERRED,
    ),
    "own_kinds": Shape(
        files={
            **inferred_by(
                "{output_fn: null, input_key: speech, model: {_target_: src.model.Net, size: 8},"
                " contract: {imports: [src.kinds], inputs: {speech: {kind: number}},"
                " outputs: {tune: {kind: midi}, text: {kind: text}}}}"
            ),
            "conf/demo.yaml": "ui: {outputs: [{key: tune, type: piano}, {key: text, type: text}]}",
        },
        lost=("contract.imports", "contract.outputs.tune", "ui.outputs"),
        stages=INFERRED,
    ),
    "owsm": Shape(
        files=inferred_by(
            "{batch_size: 2, runner: {_target_: src.inference.Runner, resume: false}, provider:"
            " {_target_: espnet3.systems.base.inference_provider.InferenceProvider,"
            " params: {language: en}}}"
        ),
        stages=INFERRED,
    ),
    "owsm_writes": Shape(
        files=inferred_by("runner: {_target_: src.inference.Writer}"),
        lost=("runner._target_",),
        stages=INFERRED,
    ),
    "owsm_numbered": Shape(
        files=inferred_by("runner: {_target_: src.inference.Numbered}"),
        lost=("runner._target_",),
        stages=INFERRED,
    ),
    "owsm_renamed": Shape(
        files={
            **inferred_by("runner: {_target_: src.runner.Runner}"),
            "src/runner.py": "from src.inference import Runner\n\n\nclass Runner(Runner): ...\n",
        },
        lost=("runner._target_",),
        stages=INFERRED,
    ),
    "labels": Shape(
        ("src.system", "LabelSystem"),
        "prepare_labels: {save_path: data/labels}",
        files={"src/system.py": LABELS},
        stages="prepare_labels train",
    ),
    "pr": Shape(
        files={
            "conf/tuning/training_large.yaml": "{defaults: [../training], model: {size: 16},"
            " trainer: {logger: {_target_: lightning.pytorch.loggers.CSVLogger, save_dir: logs}}}"
        },
    ),
    "lm": Shape(
        ("src.system", "LMSystem"),
        "parallel: {env: local, n_workers: 2}",
        files={"src/system.py": LM, "conf/lm_training.yaml": merge_texts(TRAINING, "exp_tag: lm")},
        stages="create_dataset collect_stats train train_lm",
    ),
    "corpora": Shape(
        training="{data_dir: '${oc.env:CORPORA,/corpora}/toy',"
        " fit: {ckpt_path: '${exp_dir}/last.ckpt'}, create_dataset: {root: '${data_dir}'}}",
        files={"conf/demo.yaml": "# nothing\n", "conf/metrics.yaml": "# nothing\n"},
    ),
    "curriculum": Shape(
        training=None,
        run=CURRICULUM_RUN,
        files={
            "src/system.py": CURRICULUM,
            "conf/training_easy.yaml": EASY,
            "conf/training_full.yaml": merge_texts(
                TRAINING,
                "{scheduler: {step_size: 2}, exp_tag: full, fit: {ckpt_path: exp/easy/last.ckpt}}",
            ),
        },
        template="asr",
        stages="create_dataset collect_stats train_easy train_full",
    ),
    "shards": Shape(files={"dataset/__init__.py": SHARDED}),
    "folded": Shape(training=FOLDED),
    "powers": Shape(training=POWERS),
    "alone": Shape(
        training=merge_texts(POWERS, ONE_SET),
        lost=("dataloader.train.iter_factory.sampler_args.batch_bins",),
    ),
    "nowhere": Shape(template="nowhere", lost=("egs3.TEMPLATE.nowhere",)),
}
