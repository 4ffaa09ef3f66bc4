"""A task with choices."""

from pathlib import Path

from espnet2.asr.parts import (
    DefaultFrontend,
    ESPnetASRModel,
    GlobalMVN,
    KaldiFrontend,
    LinearEncoder,
    NoModel,
    RNNEncoder,
    UtteranceMVN,
)
from espnet2.tasks.abs_task import AbsTask
from espnet2.train.class_choices import ClassChoices

frontend_choices = ClassChoices(
    name="frontend",
    classes=dict(default=DefaultFrontend, kaldi=KaldiFrontend),  # noqa: C408 - as ESPnet2 writes
    default="default",
)
normalize_choices = ClassChoices(
    "normalize",
    classes=dict(global_mvn=GlobalMVN, utterance_mvn=UtteranceMVN),  # noqa: C408
    default="utterance_mvn",
    optional=True,
)
encoder_choices = ClassChoices(
    "encoder",
    classes=dict(rnn=RNNEncoder, linear=LinearEncoder),  # noqa: C408
    default="rnn",
)
model_choices = ClassChoices(
    "model",
    classes=dict(espnet=ESPnetASRModel, none_at_all=NoModel),  # noqa: C408
    default="espnet",
)


class ASRTask(AbsTask):
    class_choices_list = [  # noqa: RUF012 - a list in ESPnet2
        frontend_choices,
        normalize_choices,
        encoder_choices,
        model_choices,
    ]

    @classmethod
    def add_task_arguments(cls, parser):
        parser.add_argument("--token_list", default=None)
        parser.add_argument("--token_type", default="bpe")
        parser.add_argument("--bpemodel", default=None)
        parser.add_argument("--input_size", default=None)
        parser.add_argument("--preprocessor_conf", default={"aux": (1, 2)})
        for class_choices in cls.class_choices_list:
            class_choices.add_arguments(parser)
        parser.set_defaults(encoder_conf={"hidden_size": 6})

    @classmethod
    def build_model(cls, args):
        if isinstance(args.token_list, str):
            with Path(args.token_list).open(encoding="utf-8") as f:
                args.token_list = [line.rstrip() for line in f]
        if args.input_size is None:
            frontend_class = frontend_choices.get_class(args.frontend)
            frontend = frontend_class(**args.frontend_conf)
            input_size = frontend.output_size()
        else:
            args.frontend, args.frontend_conf, frontend = None, {}, None
            input_size = args.input_size
        normalize = None
        if args.normalize is not None:
            normalize_class = normalize_choices.get_class(args.normalize)
            normalize = normalize_class(**args.normalize_conf)
        encoder_class = encoder_choices.get_class(args.encoder)
        encoder = encoder_class(input_size=input_size, **args.encoder_conf)
        model_class = model_choices.get_class(args.model)
        return model_class(
            token_list=args.token_list,
            frontend=frontend,
            normalize=normalize,
            encoder=encoder,
            **args.model_conf,
        )


class OtherTask(AbsTask):
    """A task that no Speech2Text decodes."""

    @classmethod
    def add_task_arguments(cls, parser):
        parser.add_argument("--token_list", default=None)

    @classmethod
    def build_model(cls, args):
        raise NotImplementedError
