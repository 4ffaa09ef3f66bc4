"""Findings to render."""

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.output.summary import Summary

RECIPE = Source(
    "recipes/mini/recipe.yaml",
    "version: 1\nstages:\n  - name: train\n  - name: train\n\tx: 'größe 漢字 end'\n",
)
OTHER = Source("recipes/mini/conf/training, 100%.yaml", "seed: -1\n")
SET = Source("--set", "training.seed=-1", "set")


def span(source, text, nth=0):
    """Return where the nth occurrence of a text stands."""
    start = -1
    for _ in range(nth + 1):
        start = source.text.index(text, start + 1)
    return Span(source, start, start + len(text))


TWICE = Diagnostic(
    "R201",
    'two stages are called "train"',
    Label(span(RECIPE, "train", 1), "used again here"),
    related=(Label(span(RECIPE, "train"), "first used here"),),
    help=('give the second stage its own name, for example "train_lm"',),
)
OUT_OF_RANGE = Diagnostic(
    "R605",
    '"seed" must be at least 0, not -1',
    Label(span(OTHER, "-1"), "at least 0"),
    related=(Label(span(RECIPE, "stages"), "inherited here"),),
    notes=("a fact",),
    fix=Fix("write 0", (Edit(span(OTHER, "-1"), "0"),), certain=True),
)
NOT_CHECKED = Diagnostic(
    "R520",
    '"far.Net" was not checked: far is not installed',
    Label(span(RECIPE, "end"), "far is not installed"),
    help=("install far where the check runs",),
)
SUMMARY = Summary(("recipes/mini/recipe.yaml",), targets=12, unchecked=3, seconds=0.123)
FROM_SET = Diagnostic("R605", "too small", Label(span(SET, "-1"), ""))
UNUSED = Diagnostic("R207", 'no stage uses config "a"', Label(span(RECIPE, "stages")))
ALL = (TWICE, OUT_OF_RANGE, FROM_SET, UNUSED)
