"""The texts of Systems that the small ESPnet3 recipes have of their own."""

from tests.compiler.convert.shapes_kit import system_text

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

""",
    "from src.mixins import TokenizerMixin\n",
).replace("(BaseSystem)", "(TokenizerMixin, BaseSystem)")
MIXINS = """from src.tokenizer import build


class TokenizerMixin:
    def train_src_tokenizer(self):
        return build(self.training_config.src_tokenizer, self.seed_of(self.training_config))

    def seed_of(self, config):
        return config.seed
"""
LABELS = system_text(
    "LabelSystem",
    """    stages = (
        StageSpec(name="prepare_labels", config="training", log_dir="data_dir"),
        StageSpec(name="train", config="training", log_dir="exp_dir"),
    )

    def prepare_labels(self):
        return self.training_config.prepare_labels.save_path
""",
)
INFERENCE_CODE = """from espnet3.systems.base.inference_runner import InferenceRunner


def build(*, data, model_output, idx):
    return {"utt_id": data.get("utt_id", str(idx)), "text": model_output["text"], "wav": data}


def build_third(data, model_output, idx):
    return {"utt_id": str(idx), "text": "third" if idx % 3 == 0 else model_output}


class Runner(InferenceRunner):
    @classmethod
    def forward(cls, idx, dataset=None, model=None, **kwargs):
        return {"utt_id": str(idx), "text": model(dataset[idx]["speech"], kwargs["language"])}


class Numbered(Runner):
    @classmethod
    def forward(cls, idx, dataset=None, model=None, **kwargs):
        return {"text": model(dataset[idx]["speech"], "en" if idx % 2 else "de")}


class Writer(Runner):
    @staticmethod
    def write_record(writers, result, state, **env): ...
"""
