"""Which stage needs which."""

import textwrap

from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.stage_graph.graph import stage_edges

HEAD = """\
version: 1
recipe: mini/asr
system: asr
models:
  net:
    _target_: torch.nn.Linear
    in_features: 1
    out_features: 2
"""


def graph(tmp_path, text):
    """Return the edges of a manifest as texts ``producer.output -> consumer``."""
    manifest = tmp_path / "recipe.yaml"
    manifest.write_text(HEAD + textwrap.dedent(text))
    outcome = compile_manifest(manifest)
    errors = [f for f in outcome.diagnostics if f.code[1] not in "58"]
    assert not errors, errors
    found = stage_edges(outcome.recipe, outcome.resolved)
    return {
        f"{edge.producer}{f'.{edge.output}' if edge.output else ''} -> {edge.consumer}"
        for edge in found
    }


def test_references_are_edges_with_an_output(tmp_path):
    found = graph(
        tmp_path,
        """\
        configs:
          training: {dataset: {train: [{data_src: a/b}]}}
          inference:
            checkpoint: ${stages.train.best_checkpoint}
            dataset: {test: [{name: dev, data_src: c/d}]}
            runner: {_target_: src.run}
        stages: [train, infer]
        """,
    )
    assert found == {"train.best_checkpoint -> infer"}


def test_an_output_that_comes_through_another_reference_is_an_edge(tmp_path):
    found = graph(
        tmp_path,
        """\
        configs:
          shared: {weights: "${stages.train.averaged_checkpoint}"}
          training: {dataset: {train: [{data_src: a/b}]}}
          inference:
            checkpoint: ${configs.shared.weights}
            dataset: {test: [{name: dev, data_src: c/d}]}
            runner: {_target_: src.run}
        stages: [train, infer]
        """,
    )
    assert found == {"train.averaged_checkpoint -> infer"}


def test_only_the_keys_that_a_kind_reads_count(tmp_path):
    """create_dataset reads ``dataset`` but builds no preprocessor: no circle."""
    found = graph(
        tmp_path,
        """\
        configs:
          training:
            dataset:
              train: [{data_src_args: {split: train}}]
              preprocessor: {_target_: src.p.P, tokens: "${stages.train_tokenizer.token_list}"}
            tokenizer: {vocab_size: 30}
        stages: [create_dataset, train_tokenizer, train]
        """,
    )
    assert found == {
        "create_dataset -> train_tokenizer",
        "create_dataset -> train",
        "train_tokenizer.token_list -> train",
    }


def test_statistics_with_features_of_their_own_do_not_read_the_model(tmp_path):
    text = """\
        models:
          net: {_target_: src.model.Net, stats: "${stages.collect_stats.feats_stats}"}
        configs:
          training:
            dataset: {train: [{}]}
            collect_stats: {features: {_target_: src.model.Features}}
        stages: [collect_stats, train]
        """
    manifest = tmp_path / "recipe.yaml"
    manifest.write_text(HEAD.split("models", maxsplit=1)[0] + textwrap.dedent(text))
    outcome = compile_manifest(manifest)
    found = {
        (e.producer, e.consumer, e.output) for e in stage_edges(outcome.recipe, outcome.resolved)
    }
    assert found == {("collect_stats", "train", "feats_stats")}


def test_preparation_of_other_data_is_no_edge(tmp_path):
    found = graph(
        tmp_path,
        """\
        configs:
          first: {dataset: {train: [{data_src: a/one}]}}
          second: {dataset: {train: [{data_src: a/two}]}}
        stages:
          - {name: prepare_first, run: create_dataset, config: first}
          - {name: prepare_second, run: create_dataset, config: second}
          - {name: train_first, run: train, config: first}
          - {name: train_second, run: train, config: second}
        """,
    )
    assert found == {"prepare_first -> train_first", "prepare_second -> train_second"}


def test_the_tokenizer_that_is_named_is_the_only_one_needed(tmp_path):
    found = graph(
        tmp_path,
        """\
        configs:
          one: {dataset: {train: [{}]}, tokenizer: {vocab_size: 10}}
          two:
            dataset:
              train: [{}]
              preprocessor: {_target_: src.p.P, tokens: "${stages.tokens_two.token_list}"}
            tokenizer: {vocab_size: 20}
        stages:
          - {name: tokens_one, run: train_tokenizer, config: one}
          - {name: tokens_two, run: train_tokenizer, config: two}
          - {name: train, config: two}
        """,
    )
    assert found == {"tokens_two.token_list -> train"}


def test_measure_reads_the_inference_of_its_config(tmp_path):
    found = graph(
        tmp_path,
        """\
        configs:
          training: {dataset: {train: [{data_src: a/b}]}}
          clean:
            checkpoint: ${stages.train.best_checkpoint}
            dataset: {test: [{name: clean, data_src: a/c}]}
            runner: {_target_: src.run}
          noisy: {extends: clean, batch_size: 2}
          metrics: {metrics: [{metric: {_target_: src.score}, inputs: {hyp: text}}]}
        stages:
          - train
          - {name: infer_clean, run: infer, config: clean}
          - {name: infer_noisy, run: infer, config: noisy}
          - {name: again, run: infer, config: noisy, needs: [train]}
          - {name: measure_clean, run: measure, config: {inference: clean}}
          - {name: measure_noisy, run: measure, config: {inference: noisy}}
          - {name: measure_first, run: measure, config: {inference: noisy}, needs: [infer_noisy]}
        """,
    )
    assert {edge for edge in found if "measure" in edge} == {
        "infer_clean.inference_dir -> measure_clean",
        "again.inference_dir -> measure_noisy",
        "infer_noisy.inference_dir -> measure_first",
        "infer_noisy -> measure_first",
    }


def test_packing_follows_what_is_there(tmp_path):
    found = graph(
        tmp_path,
        """\
        configs:
          training: {dataset: {train: [{data_src: a/b}]}}
          inference:
            checkpoint: ${stages.train.best_checkpoint}
            dataset: {test: [{name: clean, data_src: a/c}]}
            runner: {_target_: src.run}
            contract: {inputs: {speech: {kind: audio}}, outputs: {text: {kind: text}}}
          publication: {upload_model: {hf_repo: a/b}}
          demo: {model: {trust_user_code: true}}
        stages: [train, infer, pack_model, upload_model, pack_demo]
        """,
    )
    assert found == {
        "train.best_checkpoint -> infer",
        "train.best_checkpoint -> pack_model",
        "pack_model.bundle -> upload_model",
        "pack_model.bundle -> pack_demo",
    }


def test_init_from_reads_the_best_checkpoint(tmp_path):
    found = graph(
        tmp_path,
        """\
        configs: {training: {dataset: {train: [{data_src: a/b}]}}}
        stages:
          - {name: first, run: train}
          - {name: second, run: train, init_from: first}
          - {name: third, run: train, init_from: "${stages.first.last_checkpoint}"}
        """,
    )
    assert found == {"first.best_checkpoint -> second", "first.last_checkpoint -> third"}


def test_paths_of_earlier_stages_are_edges(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "x.py").write_text("def go(path, other=None): ...\n")
    found = graph(
        tmp_path,
        """\
        configs:
          training: {dataset: {train: [{data_src: a/b}]}}
        stages:
          - train
          - name: export
            call: src.x.go
            with: {path: "${exp_dir}/model.onnx"}
            outputs: {onnx: "${exp_dir}/model.onnx"}
          - name: check
            call: src.x.go
            with: {path: "${exp_dir}/model.onnx", other: "${exp_dir}/train/last.ckpt"}
          - name: look
            call: src.x.go
            with: {path: "${exp_dir}/train/events"}
        """,
    )
    assert found == {
        "export.onnx -> check",
        "train.last_checkpoint -> check",
        "train -> look",
    }
