"""What takes input from others: one line each, with the share of the inputs that it gets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.fuzz import bundle_tree, compiler_side, recipe_tree, runtime_side, secret_values
from evaluation.fuzz.judge import Try


@dataclass(frozen=True, slots=True)
class Surface:
    """One door.

    Attributes:
        name: As the table calls it.
        share: Of all inputs, in thousandths; cheap doors get more.
        seeds: Gives good inputs, from the directory of :attr:`prepare`.
        prepare: Sets up a directory and returns what takes an input.
    """

    name: str
    share: int
    seeds: Callable[[Path], Sequence[bytes]]
    prepare: Callable[[Path], Try]


ALL: tuple[Surface, ...] = (
    Surface("yaml", 150, compiler_side.yaml_seeds, compiler_side.reads),
    Surface("expression", 375, compiler_side.expression_seeds, compiler_side.parses),
    Surface("manifest", 12, compiler_side.manifest_seeds, compiler_side.compiles("recipe.yaml")),
    Surface("config", 12, compiler_side.config_seeds, compiler_side.compiles(compiler_side.CONFIG)),
    Surface("--set", 8, compiler_side.set_seeds, compiler_side.sets),
    Surface("source", 8, compiler_side.source_seeds, compiler_side.compiles("src/model.py")),
    Surface("relock", 10, compiler_side.relock_seeds, compiler_side.relocks),
    Surface("lock", 40, runtime_side.lock_seeds, runtime_side.loads_build),
    Surface("late", 170, runtime_side.late_seeds, runtime_side.binds),
    Surface("receipt", 25, runtime_side.receipt_seeds, runtime_side.plans),
    Surface("report", 5, runtime_side.metrics_seeds, runtime_side.reports),
    Surface("scp", 90, runtime_side.scp_seeds, runtime_side.reads_scp),
    Surface("table", 60, runtime_side.table_seeds, runtime_side.reads_table),
    Surface("bundle", 10, runtime_side.meta_seeds, runtime_side.opens("bundle.json")),
    Surface("its config", 7, runtime_side.bundled_seeds, runtime_side.opens("inference.yaml")),
    Surface("checkpoint", 3, runtime_side.checkpoint_seeds, runtime_side.reads_weights("x.ckpt")),
    Surface("recipe tree", 4, recipe_tree.tree_seeds, recipe_tree.compiles_tree),
    Surface("python -m", 1, recipe_tree.shadow_seeds, recipe_tree.shadows),
    Surface("bundle tree", 4, bundle_tree.bundle_seeds, bundle_tree.opens_tree(trusted=False)),
    Surface("its code", 2, bundle_tree.bundle_seeds, bundle_tree.opens_tree(trusted=True)),
    Surface("its texts", 2, bundle_tree.text_seeds, bundle_tree.opens_text),
    Surface("secrets", 2, secret_values.seeds, secret_values.keeps),
)
