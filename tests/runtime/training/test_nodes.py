"""Two machines of two ranks, all of them here: four processes that form one group."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor

import torch

from espnet3_runtime.stages.train import train
from tests.recipes.recipe_runs import run
from tests.runtime.rank_kit import plainly
from tests.runtime.training_kit import load, train_context
from tests.warm_kit import run_warm

MANIFEST = """
version: 1
recipe: tiny/task
system: base
models:
  plain: {_target_: src.model.Plain}
configs:
  training:
    seed: 1
    dataset:
      train: [{data_src_args: {size: 40}}]
      valid: [{data_src_args: {size: 13, split: valid}}]
      preprocessor: {_target_: src.note.Note}
    dataloader:
      train: {batches: {type: unsorted, batch_size: 2, shuffle: false}}
      valid: {batches: {batch_size: 5}}
    trainer:
      {max_epochs: 2, accelerator: cpu, strategy: ddp, devices: 2, num_nodes: 2, logger: false}
stages: [train]
"""
NOTE = '''
import os


class Note:
    """Write down which process reads what, and keep what the model reads."""

    def __call__(self, utt_id, sample):
        place = f"{os.environ['NODE_RANK']}-{os.environ.get('LOCAL_RANK', 0)}"
        with open(f"data/{place}", "a") as file:
            file.write(f"{utt_id}\\n")
        return {key: value for key, value in sample.items() if key != "text"}
'''


def on_two_nodes(recipe):
    """Run the same command on both; return what each of them said."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **meeting}

    def run_node(number):
        more = {**environment, "NODE_RANK": str(number)}
        return run_warm("build/run.py", folder=recipe, environment=more, joined=True)

    with ThreadPoolExecutor() as both:
        nodes = list(both.map(run_node, range(2)))
    said = [node.stdout for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], said
    return said


def test_two_nodes_of_two_ranks_learn_what_one_process_does(recipe):
    changes = plainly(recipe, 8)
    train(train_context(recipe, trainer={"max_epochs": 2}, **changes))
    (recipe / "src" / "note.py").write_text(NOTE)
    (recipe / "recipe.yaml").write_text(MANIFEST)
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", folder=recipe)
    assert compiled.returncode == 0, compiled.stderr

    first, second = on_two_nodes(recipe)
    assert second == "node 1 of 2: joins trainings; node 0 runs the rest\n"
    assert first.count("epoch 2/2") == 1

    for name in ("best.ckpt", "last.ckpt"):
        alone, together = (
            load(recipe / "exp" / tag / "train" / name) for tag in ("tiny", "recipe")
        )
        assert together["global_step"] == alone["global_step"] == 10
        torch.testing.assert_close(
            together["state_dict"], alone["state_dict"], rtol=1e-4, atol=1e-6
        )
    notes = {path.name: path.read_text().split() for path in (recipe / "data").iterdir()}
    shares = {place: [x for x in ids if x.startswith("train")] for place, ids in notes.items()}
    assert {place: len(ids) for place, ids in shares.items()} == {
        "0-0": 20,  # 10 in each of 2 epochs
        "0-1": 20,
        "1-0": 20,
        "1-1": 20,
    }
    assert sorted({x for ids in shares.values() for x in set(ids)}) == sorted(
        f"train{number}" for number in range(40)
    )
    assert sum(len(set(ids)) for ids in shares.values()) == 40  # no item on two of them
    logs = {path.name for path in (recipe / "exp" / "recipe" / "train").glob("*.log")}
    assert logs == {f"train{of}.log" for of in ("", "_rank1", "_node1", "_node1_rank1")}
