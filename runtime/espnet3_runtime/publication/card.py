"""The model card: README.md of a bundle."""

import re
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

import yaml

from espnet3_runtime.data.contract import read_contract
from espnet3_runtime.errors import UserError, did_you_mean
from espnet3_runtime.metrics.table import as_markdown, score_rows
from espnet3_runtime.publication.example_call import example_call

_TASKS = {"asr": "automatic-speech-recognition", "tts": "text-to-speech"}
_NAME = re.compile(r"\$\{(\w+)\}")


def model_card(context: Mapping[str, Any], template: Path | None, extra: Mapping[str, Any]) -> str:
    """Return the text of a model card.

    Args:
        context: Values of the bundle, see :func:`card_values`.
        template: A template of the recipe with ``${name}`` in it; lines in which all names are
            empty are left out, but for code between fences.  None takes the built-in one.
        extra: Further values, which replace those of the same names.

    Raises:
        UserError: The template names an unknown value.
    """
    values = {key: str(value or "") for key, value in {**context, **extra}.items()}
    text = _BUILT_IN if template is None else template.read_text(encoding="utf-8")
    kept, is_code = [], False
    for line in text.splitlines():
        is_code ^= line.startswith("```")
        names = _NAME.findall(line)
        if is_code or not names or any(values.get(name, "?") for name in names):
            kept.append(line)
    try:
        return Template("\n".join(kept).strip() + "\n").substitute(values)
    except ValueError:
        raise UserError(
            "a $ in the template of the model card begins no name",
            where="pack_model.readme",
            hint="write $$ for the character itself",
        ) from None
    except KeyError as error:
        name = str(error.args[0])
        raise UserError(
            f'the template of the model card names "{name}", which has no value',
            where="pack_model.readme",
            hint=did_you_mean(name, sorted(values)),
        ) from None


def card_values(
    meta: Mapping[str, Any],
    facts: Mapping[str, Any],
    scores: Mapping[str, Any] | None,
    config: str,
    *,
    detail: bool,
    hub: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Return the values that a model card can show.

    Args:
        meta: The content of ``bundle.json``.
        facts: Class, size and layers of the model, see ``load_check.load_elsewhere``.
        scores: The content of ``metrics.json``.
        config: The inference config as YAML.
        detail: Whether to list the layers.
        hub: What ``pack_model.card`` says of the model, by the names of the hub.
    """
    corpus, _, task = meta["recipe"].partition("/")
    git = meta.get("git") or {}
    contract = read_contract(meta.get("contract"), "contract")
    speech = contract is None or any(one.kind == "audio" for one in contract.inputs)
    example = '"audio.wav"' if contract is None else example_call(contract)
    flag = " --trust_user_code" if meta["code"] else ""
    return {
        "front_matter": _front_matter(meta, scores, hub or {}, speech=speech),
        "recipe": meta["recipe"],
        "corpus": corpus,
        "task": task,
        "exp_tag": meta["exp_tag"],
        "model": facts["class"],
        "parameters": f"{facts['parameters']:,}",
        "results": as_markdown(score_rows(scores)) if scores else _NO_RESULTS,
        "trust": "True" if meta["code"] else "False",
        "flag": flag,
        "example": example,
        "command": _COMMAND.format(flag) if example == '"audio.wav"' else "",
        "code": ", ".join(f"`{name}`" for name in meta["code"]),
        "checkpoint": (meta.get("checkpoint") or {}).get("sha256", ""),
        "commit": git.get("commit") or "",
        "remote": git.get("remote") or "",
        "changes": "with uncommitted changes" if git.get("dirty") else "",
        "versions": ", ".join(f"{name} {number}" for name, number in meta["versions"].items()),
        "config": config.strip(),
        "detail": _DETAIL.format(facts["detail"]) if detail else "",
    }


def _front_matter(
    meta: Mapping[str, Any],
    scores: Mapping[str, Any] | None,
    hub: Mapping[str, Any],
    *,
    speech: bool,
) -> str:
    """Return the card's metadata, by which the hub lists and finds models."""
    corpus, _, task = meta["recipe"].partition("/")
    given = {key: value for key, value in hub.items() if value not in ("", [], None)}
    tags = [*(["speech"] if speech else []), "espnet3-compile", corpus, task]
    matter: dict[str, Any] = {"library_name": "espnet3-compile", **given}
    matter["tags"] = list(dict.fromkeys([*tags, *given.get("tags", ())]))
    if task in _TASKS:
        matter.setdefault("pipeline_tag", _TASKS[task])
    if scores:
        types = (_metric_type(name, about) for name, about in scores["about"].items())
        matter["metrics"] = list(dict.fromkeys(types))
        name = f"{meta['recipe']} {meta['exp_tag']}"
        matter["model-index"] = [{"name": name, "results": _results(corpus, task, scores, given)}]
    return f"---\n{yaml.safe_dump(matter, sort_keys=False, allow_unicode=True)}---"


def _results(
    corpus: str, task: str, scores: Mapping[str, Any], hub: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the scores as a ``model-index`` has them, those of each test set together."""
    kind = hub.get("pipeline_tag") or _TASKS.get(task, task or corpus)
    dataset = next(iter(hub.get("datasets", ())), corpus)
    by_test: dict[str, list[dict[str, Any]]] = {}
    for name, tests in scores["metrics"].items():
        about = scores["about"][name]
        for test, numbers in tests.items():
            one = {
                "type": _metric_type(name, about),
                "value": numbers[about["headline"]],
                "name": name,
            }
            by_test.setdefault(test, []).append(one)
    return [
        {
            "task": {"type": kind},
            "dataset": {"type": dataset, "name": corpus, "split": test},
            "metrics": found,
        }
        for test, found in by_test.items()
    ]


def _metric_type(name: str, about: Mapping[str, Any]) -> str:
    """Return a metric as the hub calls it: wer, cer, …, which is how its class is called."""
    return str(about.get("target", name)).rpartition(".")[2].lower()


_COMMAND = """\
or, without writing code:

```sh
python -m espnet3_runtime.publication.transcribe path/of/this/directory audio.wav{}
```"""
_NO_RESULTS = "_Nothing was measured before this bundle was packed._"
_DETAIL = "<details><summary>Layers</summary>\n\n```\n{}\n```\n\n</details>"
_BUILT_IN = """\
${front_matter}

# ${recipe}: ${exp_tag}

A `${model}` with ${parameters} parameters.

## Results

${results}

## Use

```python
from espnet3_runtime.publication.model import InferenceModel

model = InferenceModel.from_packed("path/of/this/directory", trust_user_code=${trust})
print(model(${example}))
```

${command}

The bundle carries code of its own, which runs only when you trust it: ${code}

## Where it comes from

- Recipe `${recipe}`, experiment `${exp_tag}`
- Repository ${remote}
- Commit `${commit}` ${changes}
- SHA-256 of the checkpoint: `${checkpoint}`
- Made with ${versions}

<details><summary>Inference config</summary>

```yaml
${config}
```

</details>

${detail}
"""
