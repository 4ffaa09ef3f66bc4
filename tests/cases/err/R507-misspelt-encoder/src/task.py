"""A task in the manner of ESPnet2, as small as can be."""

from src.choices import ClassChoices


class Conformer:
    """Convolution and attention."""

    def __init__(self, input_size: int, num_blocks: int = 6) -> None:
        self.num_blocks = num_blocks


class Transformer:
    """Attention."""

    def __init__(self, input_size: int, num_blocks: int = 6) -> None:
        self.num_blocks = num_blocks


encoder_choices = ClassChoices(
    "encoder",
    classes={"conformer": Conformer, "transformer": Transformer},
    default="transformer",
)


class ASRTask:
    """Recognition."""

    class_choices_list = [encoder_choices]

    @classmethod
    def add_task_arguments(cls, parser):
        """Add the options."""
        for class_choices in cls.class_choices_list:
            class_choices.add_arguments(parser.add_argument_group("Task"))

    @classmethod
    def build_model(cls, args):
        """Build the model."""
        encoder_class = encoder_choices.get_class(args.encoder)
        return encoder_class(input_size=80, **args.encoder_conf)
