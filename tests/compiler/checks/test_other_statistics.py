"""Statistics of features that the model makes otherwise, and some that are its own."""

from pathlib import Path

import pytest

CASE = Path(__file__).parents[2] / "cases" / "err" / "R442-mels-of-before"
FEATURES = "features: {_target_: src.model.LogMel, rate: 16000}"


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("", "", "{_target_: src.model.LogMel, rate: 16000}"),
        (FEATURES, "features: {_target_: src.model.LogMel, rate: 8000, mels: 40}", "8000"),
        (FEATURES, "features: {_target_: src.model.LogMel, rate: 16000, mels: 80}", "80"),
        (FEATURES, 'features: "${models.other.frontend}"', "${models.other.frontend}"),
        (FEATURES, 'features: "${models.net.frontend}"', None),
        (FEATURES, "features: {_target_: src.model.LogMel, rate: 16000, mels: 40}", None),
        (", mels: 40", "", None),
        (", mels: 40", ", mels: 80, dither: 0.1", None),
        (", mels: 40", ", mels: ${oc.env:MELS}", None),
        (FEATURES, "features: {_target_: src.model.Net, rate: 8000}", None),
        ("feats_stats:", "mels: 80\n    feats_stats:", None),
        ("feats_stats:", "vad: {_target_: src.model.LogMel, rate: 16000}\n    feats_stats:", None),
        ("${stages.collect_stats.feats_stats}", "stats.npz", None),
    ],
)
def test_features_of_the_statistics(check, old, new, place):
    other = (
        "  other: {_target_: src.model.Net, frontend: {_target_: src.model.LogMel, rate: 8000}}\n"
    )
    recipe = (CASE / "recipe.yaml").read_text().replace("configs:\n", f"{other}configs:\n")
    recipe = recipe.replace(
        "stages: [collect_stats, train]",
        "stages: [collect_stats, {name: t, run: train, model: net}]",
    )
    files = {"src/model.py": (CASE / "src/model.py").read_text()}
    found = check(recipe.replace(old, new) if old else recipe, files)
    assert [text for code, text in found if code == "R442"] == ([place] if place else [])
