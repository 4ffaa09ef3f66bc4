"""The stage ``prepare_labels``: the labels of the training data, and how often each occurs."""

import json
from collections import Counter

from espnet3_runtime.atomic import write_text
from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.dataset_entries import DatasetDirectories
from espnet3_runtime.data.split_dataset import load_split
from espnet3_runtime.data.texts import read_texts
from espnet3_runtime.errors import UserError
from espnet3_runtime.stage import Outputs, StageContext


def prepare_labels(context: StageContext) -> Outputs:
    """List the labels of the training entries, or those of ``labels.names``, and count them.

    Outputs:
        labels: One label a line; the line, from 0, is the index that a model gives.
        counts: The number of items of each label, as JSON.

    Raises:
        UserError: An item has no label, or one that is not in ``labels.names``; that has a label
            twice; a label occurs less often than ``labels.least``.
    """
    training = context.configs["training"]
    settings = training["labels"]
    counts = _count_labels(training, context)
    names = _read_names(settings) or sorted(counts)
    _require_known(counts, names, settings)
    _require_enough(counts, names, settings)
    ordered = {name: counts[name] for name in names}
    write_text(context.outputs["labels"], "".join(f"{name}\n" for name in names))
    write_text(context.outputs["counts"], f"{json.dumps(ordered, indent=2)}\n")
    rarest = min(names, key=ordered.__getitem__)
    context.result("labels", len(names))
    context.result("rarest label", f"{rarest} ({ordered[rarest]})")
    return {name: context.outputs[name] for name in ("labels", "counts")}


def _count_labels(training: ConfigView, context: StageContext) -> Counter[str]:
    directories = DatasetDirectories(context.recipe_dir, context.data_dir)
    split = load_split(training["dataset"], "train", directories, preprocess=False)
    counts: Counter[str] = Counter()
    with context.progress("reading labels", total=len(split)) as bar:
        for label in read_texts(split, training["labels"]["field"]):
            counts[label] += 1
            bar.advance()
    return counts


def _read_names(settings: ConfigView) -> list[str]:
    """Return ``labels.names`` with single blanks, as the labels of the data are compared."""
    given: dict[str, str] = {}
    for written in settings["names"] or ():
        name, where = " ".join(written.split()), f"{settings.where}.names"
        if not name:
            raise UserError(f"{written!r} is no label: it is blank", where=where)
        if name in given:
            problem = f'"{name}" is there twice'
            if given[name] != written:
                pair = f"{given[name]!r} and {written!r}"
                problem = f"{pair} differ in blanks only, and so are one label"
            hint = "each label is one class: list it once"
            raise UserError(problem, where=where, hint=hint)
        given[name] = written
    return list(given)


def _require_known(counts: Counter[str], names: list[str], settings: ConfigView) -> None:
    if "" in counts:
        problem = f"{counts['']} of {counts.total()} items have an empty label"
        raise UserError(problem, where=f"{settings.where}.field")
    other = sorted(counts.keys() - set(names))
    if other:
        found = ", ".join(f'"{name}" ({counts[name]})' for name in other[:8])
        problem = f"labels of the training data that names does not list: {found}"
        raise UserError(problem, where=f"{settings.where}.names")


def _require_enough(counts: Counter[str], names: list[str], settings: ConfigView) -> None:
    rare = [name for name in names if counts[name] < settings["least"]]
    if rare:
        found = ", ".join(f'"{name}" ({counts[name]})' for name in rare[:8])
        problem = f"labels that occur less than {settings['least']} times: {found}"
        hint = "leave their items out of the data set, or lower labels.least"
        raise UserError(problem, where=f"{settings.where}.least", hint=hint)
