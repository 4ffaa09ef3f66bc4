"""Values that a config of transformers refuses, and constructors of other packages."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

TRANSFORMERS = {
    "transformers/__init__.py": "from .audio import AudioConfig, OldConfig, OtherConfig\n",
    "transformers/configuration_utils.py": """
class PreTrainedConfig:
    vocab_size: int = 3

    def __post_init__(self, **kwargs):
        for key, value in kwargs.items():
            setattr(self, key, value)

    def validate_architecture(self):
        if self.is_mixed:
            raise ValueError("mixed")
""",
    "transformers/audio.py": """
from .configuration_utils import PreTrainedConfig


class SizedConfig(PreTrainedConfig):
    attribute_map = {"hidden_size": "width"}
    width: int = 12
    heads: int = 4


class AudioConfig(SizedConfig):
    kernels: list[int] | tuple[int, ...] = (3, 3)
    strides: list[int] | tuple[int, ...] = (2, 2)
    name: str | None = None

    def __post_init__(self, **kwargs):
        self.layers = len(self.kernels)
        super().__post_init__(**kwargs)

    def validate_layers(self):
        if len(self.strides) != self.layers:
            raise ValueError(f"{len(self.strides)} strides for {self.layers} layers")

    def validate_heads(self):
        if self.width % self.heads != 0:
            raise ValueError("heads")
        if self.name is None and unknown(self):
            raise ValueError("name")


class OtherConfig(AudioConfig):
    def validate_heads(self):
        pass


class OldConfig(PreTrainedConfig):
    def __init__(self, kernels=(3, 3), heads=4, **kwargs):
        if heads > len(kernels) * 2:
            raise ValueError("too many heads")
        super().__init__(**kwargs)
""",
}


def found_in(check, name, arguments):
    config = f"{{_target_: transformers.{name}, {arguments}}}"
    model = HEAD.replace("size: 8}", f"size: 8, config: {config}}}")
    files = {
        **TRANSFORMERS,
        "src/model.py": "class Net:\n    def __init__(self, size, config): 0\n",
    }
    text = f"{model}configs: {{training: {{dataset: {{train: [{{}}]}}}}}}\nstages: [train]\n"
    return [pair for pair in check(text, files) if pair[0] == "R523"]


@pytest.mark.parametrize(
    ("name", "arguments", "place"),
    [
        ("AudioConfig", "kernels: [1, 2, 3]", "[1, 2, 3]"),
        ("AudioConfig", "kernels: [1, 2, 3], strides: [1, 2]", "[1, 2]"),
        ("AudioConfig", "heads: 5", "5"),
        ("AudioConfig", "hidden_size: 10", "10"),
        ("OtherConfig", "strides: [1]", "[1]"),
        ("OldConfig", "heads: 5", "5"),
    ],
)
def test_values_that_a_config_refuses(check, name, arguments, place):
    assert found_in(check, name, arguments) == [("R523", place)]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("AudioConfig", "kernels: [1, 2, 3], strides: [1, 2, 1]"),
        ("AudioConfig", "kernels: '${oc.env:KERNELS}'"),
        ("AudioConfig", "hidden_size: 10, heads: 5"),
        ("AudioConfig", "heads: 5, _partial_: true"),
        ("OtherConfig", "heads: 5"),
        ("OldConfig", "heads: 4"),
        ("OldConfig", "heads: 5, kernels: [1, 2, 3]"),
    ],
)
def test_values_that_a_config_takes(check, name, arguments):
    assert found_in(check, name, arguments) == []


@pytest.mark.parametrize(("rate", "codes"), [("-0.1", ["R523"]), ("0.1", [])])
def test_a_constructor_of_another_package(check, rate, codes):
    callback = "lightning.pytorch.callbacks.StochasticWeightAveraging"
    trainer = f"trainer: {{callbacks: [{{_target_: {callback}, swa_lrs: {rate}}}]}}"
    config = f"training: {{dataset: {{train: [{{}}]}}, {trainer}}}"
    found = check(f"{HEAD}configs: {{{config}}}\nstages: [train]\n")
    assert [code for code, _ in found if code == "R523"] == codes
