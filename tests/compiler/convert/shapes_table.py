"""The table of small ESPnet3 recipes: one after each system of its public history, and more."""

from tests.compiler.convert.shapes_kit import (
    ASR,
    INFERENCE,
    METRICS,
    TRAINING,
    Shape,
    merge_texts,
    system_text,
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
CURRICULUM = system_text(
    "Curriculum",
    '''    def __init__(self, training_easy_config=None, training_full_config=None, **configs):
        super().__init__(training_config=training_full_config, **configs)
        self.training_easy_config = training_easy_config
        self.training_full_config = training_full_config

    def train_easy(self):
        """Train on what is easy."""
        logger.info("easy")
        kept = self.training_config
        self.training_config = self.training_easy_config
        try:
            return self.train()
        finally:
            self.training_config = kept

    def train_full(self):
        return train(self.training_full_config)
''',
    "import logging\n\nlogger = logging.getLogger(__name__)\n",
)
EASY = merge_texts(TRAINING, "{scheduler: {step_size: 2}, trainer: {max_epochs: 1}, exp_tag: easy}")
TTS = system_text(
    "TTSSystem",
    """    stages: ClassVar[tuple[StageSpec, ...]] = (
        BaseSystem.stages[0],
        StageSpec(name="create_token_list", config="training", log_dir="token_list.save_path"),
        *BaseSystem.stages[1:5],
    )

    def create_token_list(self, *args, **kwargs):
        self._reject_stage_args("create_token_list", args, kwargs)
        return write_tokens(self.training_config)
""",
    "from src.tokens import write_tokens\n",
)
TOKENS = """from pathlib import Path


def write_tokens(config):
    folder = Path(config.token_list.save_path)
    folder.mkdir(parents=True)
    (folder / "tokens.txt").write_text(f"{config.token_list.cutoff} {config.exp_dir}")
"""
SVS = system_text(
    "SVSSystem",
    """    stages = (
        StageSpec(name="create_dataset", config="training", log_dir="data_dir"),
        StageSpec(name="collect_stats", config="training", log_dir="stats_dir"),
        StageSpec(name="train_acoustic", config="training", log_dir="exp_dir"),
        StageSpec(name="train_vocoder", config="vocoder", log_dir="exp_dir"),
        StageSpec(name="infer", config="inference", log_dir="inference_dir"),
    )

    def __init__(self, vocoder_config=None, **configs):
        super().__init__(**configs)
        self.vocoder_config = vocoder_config

    def train_acoustic(self):
        if self.training_config is None:
            raise RuntimeError("no config")
        return super().train()

    def train_vocoder(self):
        return train(self.vocoder_config)
""",
)
SSL = system_text(
    "SSLSystem",
    """    stages = (
        StageSpec(name="create_dataset", config="training", log_dir="data_dir"),
        StageSpec(name="collect_tokenizer_stats", config="training_tokenizer"),
        StageSpec(name="train_tokenizer_model", config="training_tokenizer", log_dir="exp_dir"),
        StageSpec(name="make_targets", config=("targets", "training"), log_dir="out"),
        StageSpec(name="train", config="training", log_dir="exp_dir"),
    )

    def collect_tokenizer_stats(self):
        return collect_stats(self.training_tokenizer_config)

    def train_tokenizer_model(self):
        return train(config=self.training_tokenizer_config)

    def make_targets(self):
        return self._write(self.targets_config, self.training_config.data_dir)

    def _write(self, config, folder):
        return config.clusters, folder
""",
)
SPK = system_text(
    "SpeakerSystem",
    """    stages = tuple([
        StageSpec(name="create_dataset", config="training", log_dir="data_dir"),
        StageSpec(name="train", config="training", log_dir="exp_dir"),
        StageSpec(name="infer", config="inference", log_dir="inference_dir"),
        StageSpec(name="measure", config="metrics", log_dir="inference_dir"),
    ])
""",
)
LM = system_text(
    "LMSystem",
    """    stages = BaseSystem.stages[:3] + (
        StageSpec(name="train_lm", config="lm_training", log_dir="exp_dir"),
    )

    def train_lm(self):
        return train(self.lm_training_config)
""",
)
ST = system_text(
    "STSystem",
    """    stages = (
        StageSpec(name="create_dataset", config="training", log_dir="data_dir"),
        StageSpec(name="train_src_tokenizer", config="training", log_dir="src_tokenizer.save_path"),
        StageSpec(name="train", config="training", log_dir="exp_dir"),
    )

    def train_src_tokenizer(self):
        return build(self.training_config.src_tokenizer, getattr(self.training_config, "seed"))
""",
    "from src.tokenizer import build\n",
)
OWN_METRIC = """
metrics:
  - metric: {{_target_: src.metrics.{name}, threshold: 0.5}}
    inputs: {{ref: "dataset:label", hyp: text}}
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
CHUNKS = """
dataloader:
  train:
    iter_factory:
      _target_: espnet2.iterators.chunk_iter_factory.ChunkIterFactory
      chunk_length: 100
      batches: {type: unsorted, batch_size: 1, shape_files: ["${stats_dir}/train/speech_shape"]}
"""
CATEGORIES = """
dataloader:
  train:
    iter_factory:
      _target_: espnet2.iterators.category_iter_factory.CategoryIterFactory
      batch_type: catbel
      sampler_args: {batch_size: 3}
"""
BY_FIELD = """
dataloader:
  train:
    iter_factory:
      _target_: espnet2.iterators.sequence_iter_factory.SequenceIterFactory
      shuffle: true
      batches: {type: numel, batch_bins: 900, shape_files: ["${stats_dir}/train/enroll_shape"]}
"""
INFERRED = f"{Shape.stages} infer"
MEASURED = f"{INFERRED} measure"

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
    "enh": Shape(training=CHUNKS, lost=("dataloader.train.iter_factory.chunk_length",)),
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
    "cls": Shape(
        training=CATEGORIES,
        lost=("dataloader.train.iter_factory.sampler_args.batch_size",),
    ),
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
        files={"src/system.py": ST, "src/tokenizer.py": "def build(config, seed): ...\n"},
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
    "vc": Shape(
        files={"conf/inference.yaml": merge_texts(INFERENCE, "output_fn: src.inference.build")},
        lost=("output_fn",),
        stages=INFERRED,
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
    "shards": Shape(
        files={
            "dataset/__init__.py": "from espnet3.components.data.dataset import ShardedDataset\n\n"
            "class Dataset(ShardedDataset):\n"
            "    def __init__(self, split: str) -> None:\n        self.split = split\n"
        },
        lost=("Dataset",),
    ),
    "nowhere": Shape(template="nowhere", lost=("egs3.TEMPLATE.nowhere",)),
}
