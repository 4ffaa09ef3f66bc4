"""Targets in the slots of configs and in calls; what is counted as not checked."""

import inspect

import pytest

from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import search_path
from tests.compiler.net_kit import HEAD, SOURCES, STAGES, check, training
from tests.compiler.target_kit import judged, shown, write


class TestSlots:
    def test_what_the_runtime_passes(self, tmp_path):
        text = """
        optimizer: {_target_: src.model.Sgd, lr: 0.1}
        scheduler: {_target_: src.model.Step, step_size: 3}
        """
        assert shown(training(tmp_path, text)) == []

    def test_offered_arguments(self, tmp_path):
        for node in ("{_target_: src.model.Total}", "{_target_: src.model.Total, total_steps: 3}"):
            assert shown(training(tmp_path, f"scheduler: {node}")) == []

    def test_given_twice(self, tmp_path):
        text = """
        optimizer: {_target_: src.model.Sgd, lr: 0.1, params: x}
        scheduler: {_target_: src.model.Step, step_size: 3, optimizer: x}
        """
        assert shown(training(tmp_path, text)) == [
            "R506 'params': the runtime passes \"params\" to src.model.Sgd itself",
            "R506 'optimizer': the runtime passes \"optimizer\" to src.model.Step itself",
        ]

    def test_places_are_taken(self, tmp_path):
        found = training(tmp_path, "optimizer: {_target_: src.model.Sgd, _args_: [1], lr: 0.1}")
        assert [item.code for item in found] == ["R506"]

    def test_what_does_not_take_it(self, tmp_path):
        text = """
        optimizer: {_target_: src.model.NoPlace, lr: 0.1}
        scheduler: {_target_: src.model.NoOptimizer, step_size: 3}
        """
        first, second = shown(training(tmp_path, text))
        assert first == (
            "R502 'src.model.NoPlace': src.model.NoPlace cannot be used here: "
            "the runtime passes 1 argument by position"
        )
        assert second == (
            "R502 'src.model.NoOptimizer': src.model.NoOptimizer cannot be used here: "
            'it has no argument "optimizer"'
        )

    def test_leftovers_of_another_target(self, tmp_path):
        found = training(tmp_path, "scheduler: {_target_: src.model.Step, warmup_steps: 3}")
        assert [(item.code, item.help) for item in found] == [("R502", ('it needs "step_size"',))]

    def test_lists_and_nodes_inside(self, tmp_path):
        text = """
        trainer:
          callbacks:
            - {_target_: src.model.Net, hidden_size: 3}
            - {_target_: src.model.Net, hidden: 3}
        """
        assert shown(training(tmp_path, text)) == [
            """R502 'hidden': src.model.Net has no argument "hidden\""""
        ]


class TestCalls:
    @pytest.mark.parametrize(
        ("call", "given"),
        [
            ("src.export.to_onnx", "{checkpoint: a, path: b}"),
            ("src.export.to_onnx", "{checkpoint: '${stages.train.best_checkpoint}', path: b}"),
            ("src.export.with_context", "{path: b}"),
            ("src.export.swallow", "{anything: 3}"),
        ],
    )
    def test_silent(self, tmp_path, call, given):
        stage = f"stages:\n  - {{name: export, call: {call}, with: {given}}}\n"
        assert shown(check(tmp_path, stage)[0]) == []

    @pytest.mark.parametrize(
        ("call", "given", "expected"),
        [
            ("src.export.to_onnx", "{checkpont: a, path: b}", ["R502 'checkpont'"]),
            ("src.export.to_onnx", "{checkpoint: a}", ["R503 'src.export.to_onnx'"]),
            ("src.export.to_onnx", "{checkpoint: a, path: b, opset: x}", ["R504 'x'"]),
            ("src.export.with_context", "{path: b, context: 3}", ["R506 'context'"]),
            ("src.export.to_onx", "{path: b}", ["R501 'to_onx'"]),
            ("src.export", "{path: b}", ["R505 'src.export'"]),
        ],
    )
    def test_mistakes(self, tmp_path, call, given, expected):
        stage = f"stages:\n  - {{name: export, call: {call}, with: {given}}}\n"
        rows = shown(check(tmp_path, stage)[0])
        assert [row.split(":")[0] for row in rows] == expected

    def test_without_arguments(self, tmp_path):
        stage = "stages:\n  - {name: export, call: src.export.to_onnx}\n"
        assert [item.code for item in check(tmp_path, stage)[0]] == ["R503"]


class TestCounts:
    def test_each_target_once(self, tmp_path):
        text = """
        models:
          a: {_target_: src.model.Wrapper, net: {_target_: src.model.Net, hidden_size: 3}}
          b: {_target_: torchaudio.models.Conformer, x: 3}
          c:
            _target_: src.model.Net
            _recursive_: false
            hidden_size: 3
            vocab_size: {_target_: a.b}
        stages:
          - {name: export, call: src.export.to_onnx, with: {checkpoint: a, path: b}}
        """
        found, counts = check(tmp_path, text)
        assert found == []
        assert (counts.checked, counts.not_checked) == (4, 2)
        assert counts.reasons == (
            ("torchaudio.models.Conformer", "torchaudio is not installed"),
            ("a.b", "it stands below _recursive_: false"),
        )

    def test_a_broken_file_is_not_checked(self, tmp_path):
        text = """
        models:
          a: {_target_: src.broken.f}
          b: {_target_: src.broken.g, x: 3}
        stages: [create_dataset]
        """
        found, counts = check(tmp_path, text)
        assert found == []  # checks.code reports the file
        assert counts.not_checked == 2

    def test_an_alias_is_told_once(self, tmp_path):
        text = """
        models:
          a: &m {_target_: src.model.Net, hiden_size: 3}
          b: *m
        stages: [create_dataset]
        """
        assert [item.code for item in check(tmp_path, text)[0]] == ["R502"]


def test_an_unknown_package_where_torch_is_not(tmp_path):
    """Without torch on the path this is not where the recipe runs: a package may be absent."""
    _, counts = check(tmp_path, "models: {m: {_target_: company_models.Big}}\n" + STAGES)
    assert counts.reasons == (("company_models.Big", "company_models is not installed"),)


def test_an_unknown_package_where_torch_is(tmp_path):
    write(tmp_path, {"lib/torch/__init__.py": ""})
    write(tmp_path, {name: inspect.cleandoc(text) for name, text in SOURCES.items()})
    found, _ = judged(
        tmp_path,
        HEAD + "models: {m: {_target_: company_models.Big}}\n" + STAGES,
        Library(search_path(tmp_path, [str(tmp_path / "lib")])),
    )
    assert shown(found) == ["""R501 'company_models': there is no package "company_models\""""]
