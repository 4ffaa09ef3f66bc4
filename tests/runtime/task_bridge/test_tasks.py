"""Tasks of a recipe's own: what they lack, say, print and refuse."""

import logging
import re
import sys
import warnings

import pytest
import torch

from espnet3_runtime.build.instantiate import locate_target
from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import InstantiateError, UserError
from espnet3_runtime.task_bridge.build import build_task_model
from espnet3_runtime.task_bridge.importing import INSTALL, locate_task
from espnet3_runtime.task_bridge.models import PROVIDERS, construct_model
from espnet3_runtime.task_bridge.options import choice_names, find_task, merge_defaults
from espnet3_runtime.task_bridge.torchaudio import TorchaudioMissingError, torchaudio_or_placeholder
from tests.runtime.task_kit import DEFAULTS, LINEAR, TASK, espnet_in_form, node, stats_file

CODE = '''
import sys
import warnings
from argparse import ArgumentParser, Namespace

from torch.nn import Linear

from espnet3_runtime.errors import InstantiateError, UserError

print("said")
print("complained", file=sys.stderr)


class Plain:
    """A task that excludes no option and chooses no class."""

    @staticmethod
    def get_parser():
        parser = ArgumentParser()
        parser.add_argument("--size", type=int, default=3)
        parser.add_argument("--part")
        parser.add_argument("--part_conf", default={"width": 1})
        parser.add_argument("--normalize", default="mvn")
        parser.add_argument("--freeze_param")
        return parser

    @staticmethod
    def build_model(args):
        from espnet2.train.abs_espnet_model import AbsESPnetModel

        class Model(AbsESPnetModel):
            def __init__(self):
                super().__init__()
                for name in "dbeacf":
                    self.add_module(name, Linear(1, 1))

            def forward(self): ...
            def collect_feats(self): ...

        return Model()


class NoParser:
    build_model = print


class NoBuild:
    get_parser = print


class Refusing(Plain):
    @staticmethod
    def build_model(args):
        raise UserError("not so", where="there", hint="otherwise")


class Failing(Plain):
    @staticmethod
    def build_model(args):
        raise KeyError(f"no 'height' and no 'width' in {args.part!r}")


class NoModel(Plain):
    @staticmethod
    def build_model(args):
        return args.size
'''


@pytest.fixture
def fake(monkeypatch):
    with espnet_in_form(monkeypatch):
        yield


@pytest.fixture
def own(fake, tmp_path, monkeypatch):
    (tmp_path / "own_tasks.py").write_text(CODE)
    (tmp_path / "broken_task.py").write_text("raise ValueError('broken')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("own_tasks", "broken_task"):
        sys.modules.pop(name, None)


def first_line(message):
    return re.escape(message.splitlines()[0])


def view(name, **options):
    return ConfigView({"task": f"own_tasks.{name}", **options}, "models.net")


def test_every_option_has_the_value_of_the_node_or_its_default(fake):
    task = find_task(node())
    assert merge_defaults(task, node()) == DEFAULTS
    given = {"encoder": "RNN", "encoder_conf": {"bidirectional": False}, "normalize": "None"}
    assert merge_defaults(task, node(**given)) == {
        **DEFAULTS,
        "encoder": "rnn",
        "encoder_conf": {"hidden_size": 6, "bidirectional": False},
        "normalize": None,
    }
    given = {"encoder": "linear", "encoder_conf": {"output_size": 12}, "normalize": None}
    assert merge_defaults(task, node(**given)) == {**DEFAULTS, **given}
    assert choice_names(task) == ["frontend", "normalize", "encoder", "model"]


@pytest.mark.parametrize(
    ("word", "chosen"),
    [("null", None), ("NIL", None), ("none", None), ("Global_MVN", "global_mvn")],
)
def test_an_optional_choice_may_be_none_in_any_spelling(fake, word, chosen):
    assert merge_defaults(find_task(node()), node(normalize=word))["normalize"] == chosen


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"enocder": "linear", "encoder": "linear"},
            (
                f'{TASK} has no option "enocder"\n'
                '  config: models.net.enocder\n  help: did you mean "encoder_conf"?'
            ),
        ),
        ({"zzzz": 1}, f'{TASK} has no option "zzzz"\n  config: models.net.zzzz'),
        ({"ngpu": 1}, f'{TASK} has no option "ngpu"\n  config: models.net.ngpu'),
        (
            {"encoder": "none"},
            (
                'there is no encoder "none"\n  config: models.net.encoder\n'
                "  help: choose from: rnn, linear"
            ),
        ),
        (
            {"normalize": 3},
            (
                "there is no normalize 3\n  config: models.net.normalize\n"
                "  help: choose from: global_mvn, utterance_mvn"
            ),
        ),
        (
            {"encoder_conf": [1]},
            (
                '"encoder_conf" is a mapping of arguments, found [1]\n'
                "  config: models.net.encoder_conf"
            ),
        ),
        (
            {"freeze_param": ["ctc_lo", "encodr"]},
            (
                '"encodr" is no part of the model\n'
                '  config: models.net.freeze_param\n  help: did you mean "encoder"?'
            ),
        ),
        (
            {"freeze_param": ["zzzz"]},
            (
                '"zzzz" is no part of the model\n'
                "  config: models.net.freeze_param\n  help: choose from: ctc_lo, encoder"
            ),
        ),
        (
            {"freeze_param": ["encode"]},
            (
                '"encode" is no part of the model\n'
                '  config: models.net.freeze_param\n  help: did you mean "encoder"?'
            ),
        ),
        (
            {"model": "none_at_all"},
            f"{TASK} built a NoModel, which is no AbsESPnetModel\n  config: models.net.task",
        ),
    ],
)
def test_the_whole_message_of_what_does_not_fit(fake, options, message):
    with pytest.raises(InstantiateError, match=first_line(message)) as caught:
        build_task_model(node(**options))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "own_tasks.NoParser",
            '"own_tasks.NoParser" is no ESPnet2 task\n  config: models.net.task',
        ),
        ("own_tasks.NoBuild", '"own_tasks.NoBuild" is no ESPnet2 task\n  config: models.net.task'),
        ("own_tasks.Refusing", "not so\n  config: there\n  help: otherwise"),
        (
            "own_tasks.Failing",
            (
                "own_tasks.Failing failed: KeyError: \"no 'height' and no 'width' in 'p'\"\n"
                "  config: models.net.part_conf.width"
            ),
        ),
        (
            "own_tasks.NoModel",
            "own_tasks.NoModel built a int, which is no AbsESPnetModel\n  config: models.net.task",
        ),
    ],
)
def test_what_a_task_of_its_own_lacks_or_says(own, name, message):
    given = {"task": name, "size": 4, "part": "p", "part_conf": {"width": 2}}
    with pytest.raises(UserError, match=first_line(message)) as caught:
        build_task_model(ConfigView(given, "models.net"))
    assert str(caught.value) == message


def test_without_choices_a_conf_always_starts_from_its_default(own):
    found = merge_defaults(find_task(view("Plain")), view("Plain", part="other", part_conf=None))
    assert found == {
        "size": 3,
        "part": "other",
        "part_conf": {"width": 1},
        "normalize": "mvn",
        "freeze_param": None,
    }


def test_what_a_model_does_not_read_is_idle_but_never_its_confs(own):
    made = build_task_model(view("Plain", size=4, part="p", part_conf={}, freeze_param=None))
    assert made.idle == ("size", "part")


def test_the_parts_of_a_model_are_told_in_order(own):
    with pytest.raises(InstantiateError, match="zzz") as caught:
        build_task_model(view("Plain", freeze_param=["zzz"]))
    assert caught.value.hint == "choose from: a, b, c, d, e, f"


def test_normalisation_is_left_out_only_where_statistics_are_collected(fake, tmp_path):
    given = {**LINEAR, "normalize": "global_mvn"}
    given["normalize_conf"] = {"stats_file": stats_file(tmp_path)}
    assert build_task_model(node(**given)).model.normalize is not None
    model = build_task_model(node(**given), normalize=False).model
    assert model.normalize is None
    assert model.frontend is not None


def test_a_name_freezes_one_parameter_or_all_below_it(fake):
    def trained(*names):
        model = build_task_model(node(freeze_param=names, **LINEAR)).model
        return [name for name, one in model.named_parameters() if one.requires_grad]

    blocks = ["encoder.blocks.0.weight", "encoder.blocks.0.bias"]
    heads = ["ctc_lo.weight", "ctc_lo.bias"]
    assert trained() == [*blocks, *heads]
    assert trained("ctc_lo.weight") == [*blocks, "ctc_lo.bias"]
    assert trained("ctc_lo", "encoder.blocks") == []
    assert trained("encoder.blocks.0") == heads


# Importing.


def test_what_is_printed_during_an_import_goes_to_the_log(own, caplog, capsys):
    caplog.set_level(logging.INFO)
    assert locate_task("own_tasks.Plain").__name__ == "Plain"
    assert caplog.messages == ["said", "complained"]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("no_such_package.tasks.ASRTask", INSTALL),
        ("broken_task.Task", ""),
    ],
)
def test_only_where_a_package_is_missing_the_way_to_install_it_is_told(own, name, hint):
    with pytest.raises(InstantiateError, match=r"no_such_package|broken") as caught:
        locate_task(name, "models.net.task")
    assert (caught.value.where, caught.value.hint) == ("models.net.task", hint)
    assert INSTALL == (
        "install ESPnet: the extra espnet2 of espnet3-compile, and then pip install --no-deps "
        "espnet==202511"
    )


def test_a_hint_that_is_there_stays(own):
    with pytest.raises(InstantiateError, match="Plian") as caught:
        locate_task("own_tasks.Plian")
    assert caught.value.hint == 'did you mean "Plain"?'


def test_deprecations_of_espnet_are_ignored_and_those_of_others_are_not(own):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        locate_task(TASK)
        for module in ("espnet2.asr.encoder", "espnet.nets", "recipe.model"):
            warnings.warn_explicit("old", FutureWarning, f"{module}.py", 1, module=module)
    assert [one.filename for one in seen] == ["recipe.model.py"]


def test_models_and_providers(fake):
    linear = {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 3}
    assert isinstance(construct_model(linear), torch.nn.Linear)
    assert type(construct_model(node(**LINEAR))).__name__ == "ESPnetASRModel"
    assert [locate_target(name).__name__ for name in PROVIDERS] == [
        "from_checkpoint",
        "speech2text",
    ]


# torchaudio.


def test_a_placeholder_is_there_only_inside_of_the_block(tmp_path, monkeypatch):
    (tmp_path / "torchaudio.py").write_text("raise OSError\n")
    (tmp_path / "torchaudio_other.py").write_text("VALUE = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = list(sys.meta_path)
    with torchaudio_or_placeholder():
        import torchaudio.functional.inner
        import torchaudio_other

        assert torchaudio_other.VALUE == 3
        assert not hasattr(torchaudio, "__wrapped__")
        inner = torchaudio.functional.inner
        assert inner.__name__ == "torchaudio.functional.inner"
    reason = "is needed, and torchaudio cannot be imported here: OSError"
    with pytest.raises(TorchaudioMissingError, match=rf"^torchaudio.functional.inner.f {reason}$"):
        inner.f(1, way="x")
    assert sys.meta_path == before
    left = [name for name in sys.modules if name.startswith("torchaudio")]
    assert left == ["torchaudio_other"]
    del sys.modules["torchaudio_other"]


def test_a_placeholder_goes_with_a_block_that_fails(tmp_path, monkeypatch):
    (tmp_path / "torchaudio.py").write_text("raise OSError\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = list(sys.meta_path)
    with pytest.raises(ImportError, match="no_such_name"), torchaudio_or_placeholder():
        from yaml import no_such_name  # noqa: F401
    assert sys.meta_path == before


def test_of_a_long_reason_the_first_line_is_told(tmp_path, monkeypatch):
    (tmp_path / "torchaudio.py").write_text("raise ImportError('no libcuda\\nand more')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with torchaudio_or_placeholder():
        import torchaudio
    with pytest.raises(TorchaudioMissingError, match=r"imported here: no libcuda$"):
        torchaudio.load("a.wav")
