"""Inference: our stage beside a loop over the same batches that writes the same texts."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from benchmarks.runtime.bare import Utterances, loader
from benchmarks.runtime.timing import Goal, Lap, Report, in_turns, recorded, table, verdict
from benchmarks.runtime.workspace import context_of
from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.data.dataset_entries import DatasetDirectories, read_entries
from espnet3_runtime.inference.decode import load_test_set
from espnet3_runtime.inference.shards import plan_shards
from espnet3_runtime.stage import StageContext
from espnet3_runtime.stages.infer import infer

OURS, LOOP = "our infer stage", "bare loop"
GOAL = Goal(OURS, LOOP, 1.05)


def measure(directory: Path, rounds: int) -> Report:
    """Time both ways; both build the model and read its weights inside the lap."""
    context = context_of(directory, "infer")
    batches = _batches(context)
    count = sum(map(len, batches))

    def ours() -> Lap:
        laps: list[Lap] = []
        with recorded(laps):
            infer(context)
        return laps[0].per(count)

    def bare() -> Lap:
        laps: list[Lap] = []
        with recorded(laps):
            bare_loop(context, batches, directory / "bare.scp")
        return laps[0].per(count)

    laps = in_turns({OURS: ours, LOOP: bare}, rounds)
    found = (context.directory / "test" / "text.scp").read_text(encoding="utf-8").splitlines()
    same = sorted(found) == sorted((directory / "bare.scp").read_text("utf-8").splitlines())
    lines = [f"infer: an utterance, {count} a lap, in batches of {len(batches[0])}"]
    lines += [table(laps, "utt"), f"  both write the same texts: {'yes' if same else 'NO'}"]
    return Report("\n".join(lines), [verdict("infer", laps, GOAL)])


def _batches(context: StageContext) -> list[Sequence[int]]:
    config = context.configs["inference"]
    (entry,) = read_entries(config["dataset"], "test")
    dataset = load_test_set(config, entry, DatasetDirectories(context.recipe_dir, context.data_dir))
    shards = plan_shards(dataset, "speech", config["batch_size"])
    return [batch for shard in shards for batch in shard.batches]


def bare_loop(context: StageContext, batches: Sequence[Sequence[int]], path: Path) -> None:
    """Decode and write ``<utt_id> <text>`` lines."""
    config = context.configs["inference"]
    model: nn.Module = instantiate(context.model)
    saved = torch.load(config["checkpoint"], weights_only=True)
    model.load_state_dict(saved["state_dict"])
    model.requires_grad_(requires_grad=False).eval()
    runner = instantiate(config["runner"])
    limit = config["dataset"]["test"][0]["data_src_args"]["limit"]
    data = Utterances("test", limit, None)
    with path.open("w", encoding="utf-8") as file:
        for utt_ids, batch in loader(data, batches):
            for utt_id, result in zip(utt_ids, runner(model, **batch), strict=True):
                file.write(f"{utt_id} {result['text']}\n")
