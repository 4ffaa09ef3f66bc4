"""Outputs of inference and columns of the data: their names, rates and files."""

import pytest

WER = "espnet3_runtime.metrics.wer.WER"
OURS = """\
version: 1
recipe: mini/asr
system: asr
models:
  net: {{_target_: src.model.Net, size: 8}}
configs:
  training: {{dataset: {{train: [{{data_src_args: {{split: train}}}}]}}}}
  inference:
    checkpoint: ${{stages.train.best_checkpoint}}
    dataset: {{test: [{{name: dev}}]}}
    runner: {{_target_: src.model.Net, size: 8}}
    {outputs}
  metrics:
    metrics:
      - {{name: it, metric: {{_target_: {metric}}}, inputs: {{ref: "dataset:{ref}", hyp: {hyp}}}}}
    {columns}
stages: [train, infer, {measure}]
"""
CODE = {
    "src/metric.py": """\
        from espnet3_runtime.metrics.wer import WER

        class Paths:
            def __call__(self, ref, hyp): return {"size": 1}

        class Words(WER):
            pass
        """
}


def report(check, **parts: str) -> list[tuple[str, str]]:
    usual = {"metric": WER, "ref": "text", "hyp": "text", "columns": "", "measure": "measure"}
    return check(OURS.format(**{**usual, **parts}), CODE)


@pytest.mark.parametrize(
    ("outputs", "found"),
    [
        ("output_keys: [text, dataset]", ("R202", "dataset")),
        ("output_keys: [text, n-best]", ("R202", "n-best")),
        ("output_keys: [text, n_best]", None),
        ("contract: {outputs: {text: {kind: text}, n best: {kind: text}}}", ("R202", "n best")),
        ("contract: {outputs: {text: {kind: text}, wave: {kind: audio}}}", ("R603", "audio")),
        ("contract: {outputs: {text: {kind: text}, wave: {kind: audio, sample_rate: 8000}}}", None),
        ("output_artifacts: {wave: {type: wav}}", ("R603", "wav")),
        ("output_artifacts: {wave: {type: wav, sample_rate: 8000}}", None),
        ("output_artifacts: {wave: {type: npy}}", None),
        (
            (
                "contract: {outputs: {text: {kind: text}, wave: {kind: audio}}}\n"
                "    output_artifacts: {wave: {type: npy}}"
            ),
            None,
        ),
        (
            (
                "contract:\n"
                "      outputs: {text: {kind: text}, wave: {kind: audio, sample_rate: 8000}}\n"
                "    output_artifacts: {wave: {type: wav}}"
            ),
            None,
        ),
        (
            (
                "contract: {outputs: {text: {kind: text}, score: {kind: number}}}\n"
                "    output_keys: [text]"
            ),
            ("R604", "score"),
        ),
        (
            (
                "contract: {outputs: {text: {kind: text}, score: {kind: number}}}\n"
                "    output_keys: [text, score]"
            ),
            None,
        ),
    ],
)
def test_names_and_rates_of_outputs(check, outputs, found):
    assert report(check, outputs=outputs) == ([found] if found else [])


@pytest.mark.parametrize("metric", [WER, "src.metric.Words"])
@pytest.mark.parametrize(
    "outputs",
    ["output_artifacts: {wave: {type: npy}}", "contract: {outputs: {wave: {kind: segments}}}"],
)
def test_words_are_not_counted_in_files(check, metric, outputs):
    assert report(check, metric=metric, outputs=outputs, hyp="wave") == [("R423", "wave")]


@pytest.mark.parametrize(
    ("metric", "hyp", "columns", "found"),
    [
        ("src.metric.Paths", "wave", "", None),
        (WER, "text", "", None),
        (WER, "text", "dataset_artifacts: {text: {type: json}}", ("R423", '"dataset:text"')),
        (WER, "text", "dataset_artifacts: {other: {type: wav}}", None),
        ("src.metric.Paths", "wave", "dataset_artifacts: {text: {type: wav}}", ("R603", "wav")),
        (
            "src.metric.Paths",
            "wave",
            "dataset_artifacts: {text: {type: wav, sample_rate: 8000}}",
            None,
        ),
    ],
)
def test_a_metric_of_paths_reads_files(check, metric, hyp, columns, found):
    outputs = "output_artifacts: {wave: {type: npy}}"
    given = report(check, metric=metric, hyp=hyp, outputs=outputs, columns=columns)
    assert given == ([found] if found else [])


def test_a_column_of_files_needs_the_data_set(check):
    text = OURS.format(
        outputs="output_keys: [text]",
        metric="src.metric.Paths",
        ref="text",
        hyp="text",
        columns="dataset_artifacts: {text: {type: json}}",
        measure="{name: measure, config: {metrics: metrics}}",
    )
    renamed = text.replace("  inference:", "  decoding:").replace(
        "infer,", "{name: infer, config: {inference: decoding}},"
    )
    assert check(renamed, CODE) == [("R405", "text")]
    assert check(text, CODE) == []


METRICS = {
    "SISDR": "_target_: espnet3_runtime.metrics.si_sdr.SISDR}, inputs: {enhanced: out, ",
    "DER": "_target_: espnet3_runtime.metrics.der.DER, collar: 0.25}, inputs: {hyp: out, ",
}


@pytest.mark.parametrize(
    ("name", "outputs", "found"),
    [
        ("SISDR", "contract: {outputs: {out: {kind: audio, sample_rate: 8000}}}", []),
        ("SISDR", "contract: {outputs: {out: {kind: array}}}", []),
        ("SISDR", "contract: {outputs: {out: {kind: text}}}", [("R423", "out")]),
        ("SISDR", "contract: {outputs: {out: {kind: segments}}}", [("R423", "out")]),
        (
            "SISDR",
            (
                "contract: {outputs: {out: {kind: segments}}}\n"
                "    output_artifacts: {out: {type: npy}}"
            ),
            [],
        ),
        ("DER", "contract: {outputs: {out: {kind: segments}}}", []),
        ("DER", "contract: {outputs: {out: {kind: text}}}", []),
        ("DER", "output_artifacts: {out: {type: json}}", []),
        ("DER", "contract: {outputs: {out: {kind: audio, sample_rate: 8000}}}", [("R423", "out")]),
        ("DER", "contract: {outputs: {out: {kind: number}}}", [("R423", "out")]),
    ],
)
def test_metrics_of_recordings_and_segments_say_what_they_read(check, name, outputs, found):
    metric = f'{{{METRICS[name]}ref: "dataset:clean"}}}}'
    text = OURS.replace("{{_target_: {metric}}}, ", "{metric} # ")
    parts = {"metric": metric, "ref": "", "hyp": "", "columns": "", "measure": "measure"}
    codes = check(text.format(outputs=outputs, **parts), CODE)
    assert [one for one in codes if one[0].startswith(("R4", "R5"))] == found
