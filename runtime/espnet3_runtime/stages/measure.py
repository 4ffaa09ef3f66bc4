"""The stage ``measure``: score the results of ``infer``."""

import json
import sys
import textwrap
from operator import attrgetter
from pathlib import Path
from typing import Any

from espnet3_runtime.atomic import atomic_directory, write_text
from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.contract import read_contract
from espnet3_runtime.data.dataset_entries import DatasetDirectories, read_entries
from espnet3_runtime.data.tokens import Spelling, Tokenizer
from espnet3_runtime.errors import UserError, did_you_mean
from espnet3_runtime.inference.outputs import read_formats
from espnet3_runtime.metrics.error_rate import ErrorRate, normalize
from espnet3_runtime.metrics.inputs.columns import TestResults, read_columns, text_inputs
from espnet3_runtime.metrics.items.columns import write_columns
from espnet3_runtime.metrics.items.examples import write_examples
from espnet3_runtime.metrics.score import Metric, make_metrics, score_test_set
from espnet3_runtime.metrics.table import as_text, format_value, score_rows
from espnet3_runtime.stage import Outputs, StageContext
from espnet3_runtime.trackers.send_scores import send_scores
from espnet3_runtime.weights import weights_digest


def measure(context: StageContext) -> Outputs:
    """Compute every metric for every test set; write ``metrics.json``.

    Alignments and other files of a metric go to ``<test>/<metric>/``.

    Raises:
        UserError: A metric or its inputs do not fit, or there are no results to score.
    """
    config = context.configs["metrics"]
    metrics = make_metrics(config)
    inference_dir = context.find("infer", "inference_dir")
    if inference_dir is None:
        raise UserError("there are no results to score", hint="run a stage infer before measure")
    summary = _read_summary(inference_dir)
    tokenizer = _read_tokenizer(context, summary)
    names = _test_sets(config, summary)
    scores: dict[str, dict[str, dict[str, float]]] = {metric.name: {} for metric in metrics}
    spelling: dict[str, Spelling] = {}
    with context.progress("measure", len(names) * len(metrics)) as bar:
        for name in names:
            scored, spelling[name] = _score_test(
                context, inference_dir, name, metrics, summary, tokenizer
            )
            for metric, numbers in scored:
                scores[metric.name][name] = numbers
                headline = format_value(next(iter(numbers.values())), metric.unit)
                context.result(f"{metric.name} {name}", headline)
                bar.advance()
    for name, found in spelling.items():
        found.report(context, f"the references of {name}")
    result = _make_report(context, summary, metrics, scores)
    path = context.directory / "metrics.json"
    write_text(path, json.dumps(result, indent=2, ensure_ascii=False) + "\n")  # order kept
    table = as_text(score_rows(result))
    context.log.info("scores:\n%s", table)
    send_scores(context, result)
    print(textwrap.indent(table, "  "), file=sys.stderr, flush=True)
    return {"metrics": path}


def _read_summary(inference_dir: Path) -> dict[str, Any]:
    file = inference_dir / "inference.json"
    try:
        return json.loads(file.read_text(encoding="utf-8"))  # type: ignore[no-any-return]
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read: {error}", hint="run the stage infer") from error


def _test_sets(config: ConfigView, summary: dict[str, Any]) -> list[str]:
    known = list(summary["tests"])
    if config["dataset"] is None:
        return known
    names = [str(entry.name) for entry in read_entries(config["dataset"], "test")]
    for name in names:
        if name not in known:
            problem = f'infer has no results for the test set "{name}"'
            where, hint = f"{config.where}.dataset.test", did_you_mean(name, known)
            raise UserError(problem, where=where, hint=hint)
    return names or known


def _score_test(
    context: StageContext,
    inference_dir: Path,
    name: str,
    metrics: list[Metric],
    summary: dict[str, Any],
    tokenizer: Tokenizer | None,
) -> tuple[list[tuple[Metric, dict[str, float]]], Spelling]:
    config, inference = context.configs["metrics"], context.configs.get("inference")
    block = inference["dataset"] if inference else {}
    contract = read_contract(inference["contract"], "contract") if inference else None
    where = f"{config.where}.dataset_artifacts"
    scored, found = [], list[Spelling]()
    sounds: dict[str, dict[str, str]] = {}
    with atomic_directory(context.directory / name) as scratch:
        results = TestResults(
            name=name,
            directory=inference_dir / name,
            scratch=scratch,
            entry={entry.name: entry for entry in read_entries(block, "test")}.get(name),
            dataset=block,
            directories=DatasetDirectories(context.recipe_dir, context.data_dir),
            formats=read_formats(config["dataset_artifacts"], None, where),
            by_value=summary["tests"][name].get("by_value", ()),
        )
        for metric in metrics:
            utt_ids, columns = read_columns(
                *(results, metric.inputs, f"{metric.where}.inputs"),
                texts_only=metric.texts_only,
                file_type=metric.file_type,
            )
            texts = [] if metric.file_type else text_inputs(results, metric.inputs)
            numbers = score_test_set(metric, utt_ids, columns, scratch / metric.name, texts=texts)
            scored.append((metric, numbers))
            if metric.reads_audio and not sounds:
                sounds = {
                    name: dict(zip(utt_ids, paths, strict=True)) for name, paths in columns.items()
                }
            if tokenizer is not None and metric.texts_only:
                found += [
                    _spell(tokenizer, columns[one], metric)
                    for one, source in metric.inputs.items()
                    if source.startswith("dataset:")
                ]
        write_columns(results, context.log)
        write_examples(results, [metric.name for metric in metrics], contract, sounds, context.log)
    return scored, max(found, key=_LOST, default=Spelling())


def _read_tokenizer(context: StageContext, summary: dict[str, Any]) -> Tokenizer | None:
    """Return the tokenizer that infer used, if it is still that one."""
    used = summary.get("tokenizer", {"path": "", "sha256": ""})
    path = context.recipe_dir / used["path"]
    same = path.is_file() and weights_digest(path) == used["sha256"]
    return Tokenizer(path) if same else None


def _spell(tokenizer: Tokenizer, references: list[str], metric: Metric) -> Spelling:
    """Count what no hypothesis can match, by the letters that the metric compares."""
    steps = metric.function.normalize if isinstance(metric.function, ErrorRate) else ()
    compared = [normalize(text, steps) for text in references]
    return min((tokenizer.spell(texts) for texts in (references, compared)), key=_LOST)


_LOST = attrgetter("lost")


def _make_report(
    context: StageContext,
    summary: dict[str, Any],
    metrics: list[Metric],
    scores: dict[str, dict[str, dict[str, float]]],
) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "recipe": context.recipe,
        "exp_tag": context.exp_tag,
        "checkpoint": summary["checkpoint"],
        "metrics": scores,
        "about": {
            metric.name: {
                "target": metric.target,
                "inputs": dict(metric.inputs),
                "unit": metric.unit,
                "higher_is_better": metric.higher_is_better,
                "headline": next(iter(next(iter(scores[metric.name].values())))),
            }
            for metric in metrics
        },
    }
