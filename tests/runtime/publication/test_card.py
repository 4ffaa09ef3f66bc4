"""The model card, whole, and its templates."""

from pathlib import Path
from typing import Any

import pytest

from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.card import card_values, model_card

META: dict[str, Any] = {
    "recipe": "tiny/asr",
    "exp_tag": "one",
    "code": ["src/a.py", "src/b.py"],
    "checkpoint": {"path": "best.ckpt", "sha256": "d" * 8},
    "git": {"commit": "c" * 8, "remote": "https://host/x.git", "dirty": True},
    "versions": {"torch": "2.0", "numpy": "1.0"},
}
BARE: dict[str, Any] = {
    **META,
    "recipe": "other/thing",
    "code": [],
    "checkpoint": None,
    "git": None,
    "versions": {},
}
FACTS = {"class": "src.model.Scale", "parameters": 1234567, "detail": "Scale()"}
SCORES = {
    "metrics": {"wer": {"test": {"wer": 12.5}}},
    "about": {"wer": {"headline": "wer", "unit": "%", "target": "x.WER", "inputs": {}}},
}
FULL = """\
---
library_name: espnet3-compile
tags:
- speech
- espnet3-compile
- tiny
- asr
pipeline_tag: automatic-speech-recognition
metrics:
- wer
model-index:
- name: tiny/asr one
  results:
  - task:
      type: automatic-speech-recognition
    dataset:
      type: tiny
      name: tiny
      split: test
    metrics:
    - type: wer
      value: 12.5
      name: wer
---

# tiny/asr: one

A `src.model.Scale` with 1,234,567 parameters.

## Results

RESULTS

## Use

```python
from espnet3_runtime.publication.model import InferenceModel

model = InferenceModel.from_packed("path/of/this/directory", trust_user_code=True)
print(model("audio.wav"))
```

or, without writing code:

```sh
python -m espnet3_runtime.publication.transcribe path/of/this/directory audio.wav --trust_user_code
```

The bundle carries code of its own, which runs only when you trust it: `src/a.py`, `src/b.py`

## Where it comes from

- Recipe `tiny/asr`, experiment `one`
- Repository https://host/x.git
- Commit `cccccccc` with uncommitted changes
- SHA-256 of the checkpoint: `dddddddd`
- Made with torch 2.0, numpy 1.0

<details><summary>Inference config</summary>

```yaml
a: 1
```

</details>

<details><summary>Layers</summary>

```
Scale()
```

</details>
"""
PLAIN = """\
---
library_name: espnet3-compile
tags:
- speech
- espnet3-compile
- other
- thing
---

# other/thing: one

A `src.model.Scale` with 1,234,567 parameters.

## Results

_Nothing was measured before this bundle was packed._

## Use

```python
from espnet3_runtime.publication.model import InferenceModel

model = InferenceModel.from_packed("path/of/this/directory", trust_user_code=False)
print(model("audio.wav"))
```

or, without writing code:

```sh
python -m espnet3_runtime.publication.transcribe path/of/this/directory audio.wav
```


## Where it comes from

- Recipe `other/thing`, experiment `one`

<details><summary>Inference config</summary>

```yaml
a: 1
```

</details>
"""


def test_a_card_with_everything() -> None:
    values = card_values(META, FACTS, SCORES, "\na: 1\n", detail=True)
    shown = model_card(values, None, {})
    head, _, rest = shown.partition("## Results\n\n")
    results, _, tail = rest.partition("\n\n## Use")
    assert f"{head}## Results\n\nRESULTS\n\n## Use{tail}" == FULL
    assert results.splitlines() == [
        *("| test set | wer |", "| --- | ---: |", "| test | 12.50 % |"),
    ]


def test_a_card_with_little() -> None:
    values = card_values(BARE, FACTS, None, "a: 1", detail=False)
    assert model_card(values, None, {}) == PLAIN
    clean = {**META, "git": {**META["git"], "dirty": False, "remote": None}}
    shown = model_card(card_values(clean, FACTS, None, "", detail=False), None, {})
    assert "- Commit `cccccccc` \n" in shown
    assert "Repository" not in shown


def test_the_hub_reads_what_the_card_says() -> None:
    """By the hub's own library, which refuses what it does not know."""
    cards = pytest.importorskip("huggingface_hub").ModelCard
    hub = {"license": "cc-by-4.0", "language": ["en"], "datasets": ["me/corpus"], "tags": ["tiny"]}
    scores = {
        "metrics": {"wer": {"a": {"wer": 12.5}, "b": {"wer": 3}}, "letters": {"a": {"cer": 1.5}}},
        "about": {
            **SCORES["about"],
            "letters": {"headline": "cer", "target": "x.CER", "unit": "%"},
        },
    }
    values = card_values(META, FACTS, scores, "", detail=False, hub={**hub, "base_model": "a/b"})
    data = cards(model_card(values, None, {})).data
    assert (data.license, data.language, data.datasets) == ("cc-by-4.0", ["en"], ["me/corpus"])
    assert (data.library_name, data.base_model) == ("espnet3-compile", "a/b")
    assert data.tags == ["speech", "espnet3-compile", "tiny", "asr"]
    assert data.metrics == ["wer", "cer"]
    found = [
        (one.task_type, one.dataset_type, one.dataset_split, one.metric_type, one.metric_value)
        for one in data.eval_results
    ]
    asr = "automatic-speech-recognition"
    assert found == [
        (asr, "me/corpus", "a", "wer", 12.5),
        (asr, "me/corpus", "a", "cer", 1.5),
        (asr, "me/corpus", "b", "wer", 3),
    ]


@pytest.mark.parametrize(
    ("task", "tag"),
    [("asr", "automatic-speech-recognition"), ("tts", "text-to-speech"), ("st", None)],
)
def test_the_tag_of_a_task(task: str, tag: str | None) -> None:
    meta = {**META, "recipe": f"tiny/{task}"}
    matter = card_values(meta, FACTS, None, "", detail=False)["front_matter"]
    assert ("pipeline_tag" in matter) == (tag is not None)
    assert tag is None or f"pipeline_tag: {tag}\n" in matter


def test_a_template_of_the_recipe(tmp_path: Path) -> None:
    template = tmp_path / "card.md"
    template.write_text(
        "\n${mine} é\nleft out: ${empty}${none}\nkept: ${empty}${mine}\nno name\n$$5\n\n"
    )
    values = {"mine": "replaced", "empty": "", "none": None}
    assert model_card(values, template, {"mine": 3}) == "3 é\nkept: 3\nno name\n$5\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "${mien}",
            (
                'the template of the model card names "mien", which has no value\n'
                "  config: pack_model.readme\n"
                '  help: did you mean "mine"?'
            ),
        ),
        (
            "a $ alone",
            (
                "a $ in the template of the model card begins no name\n"
                "  config: pack_model.readme\n"
                "  help: write $$ for the character itself"
            ),
        ),
        (
            "${zzz}",
            (
                'the template of the model card names "zzz", which has no value\n'
                "  config: pack_model.readme\n"
                "  help: choose from: a, mine"
            ),
        ),
    ],
)
def test_mistakes_of_a_template(text: str, told: str, tmp_path: Path) -> None:
    template = tmp_path / "card.md"
    template.write_text(text)
    with pytest.raises(UserError) as caught:
        model_card({"mine": "x", "a": ""}, template, {})
    assert str(caught.value) == told
