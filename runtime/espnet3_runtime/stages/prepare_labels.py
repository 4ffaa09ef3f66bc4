"""The stage ``prepare_labels``: the labels of the training data, and how often each occurs."""

import json
from collections import Counter

from espnet3_runtime.atomic import write_text
from espnet3_runtime.data.dataset_entries import DatasetDirectories
from espnet3_runtime.data.split_dataset import load_split
from espnet3_runtime.data.texts import read_texts
from espnet3_runtime.errors import UserError
from espnet3_runtime.stage import Outputs, StageContext


def prepare_labels(context: StageContext) -> Outputs:
    """List the labels of the training entries in alphabetical order.

    Outputs:
        labels: One label a line; the line, from 0, is the index that a model gives.
        counts: The number of items of each label, as JSON.

    Raises:
        UserError: There are no items, or a label occurs less often than ``labels.least``.
    """
    training = context.configs["training"]
    settings = training["labels"]
    directories = DatasetDirectories(context.recipe_dir, context.data_dir)
    split = load_split(training["dataset"], "train", directories, preprocess=False)
    with context.progress("reading labels", total=len(split)) as bar:
        counts: Counter[str] = Counter()
        for label in read_texts(split, settings["field"]):
            counts[label] += 1
            bar.advance()
    labels = sorted(counts)
    rare = [label for label in labels if counts[label] < settings["least"]]
    if not labels or "" in counts:
        raise UserError("there is an item without a label", where=settings.where)
    if rare:
        named = ", ".join(f'"{label}" ({counts[label]})' for label in rare[:8])
        problem = f"labels that occur less than {settings['least']} times: {named}"
        hint = "leave their items out of the data set, or lower labels.least"
        raise UserError(problem, where=f"{settings.where}.least", hint=hint)
    write_text(context.outputs["labels"], "".join(f"{label}\n" for label in labels))
    ordered = {label: counts[label] for label in labels}
    write_text(context.outputs["counts"], f"{json.dumps(ordered, indent=2)}\n")
    context.result("labels", len(labels))
    context.result(
        "rarest label", f"{min(ordered, key=ordered.__getitem__)} ({min(ordered.values())})"
    )
    return {name: context.outputs[name] for name in ("labels", "counts")}
