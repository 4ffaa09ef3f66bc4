"""Assemble a demo: a page, its settings, and the bundle."""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from espnet3_runtime.config import to_plain
from espnet3_runtime.data.contract import Field, read_contract
from espnet3_runtime.errors import UserError, did_you_mean
from espnet3_runtime.publication.bundle import INFERENCE, MODEL, dump_yaml, open_bundle
from espnet3_runtime.publication.demo import BUNDLE, LIMITS, SETTINGS
from espnet3_runtime.publication.recipe_code import collect_targets, copy_code
from espnet3_runtime.publication.trust import check_trust
from espnet3_runtime.stage import StageContext

_OWN = frozenset((SETTINGS, "app.py", "requirements.txt", "README.md"))


def pack_demo_files(context: StageContext, packed: Path, directory: Path) -> None:
    """Write a demo into an empty directory.

    Args:
        context: The stage's context.
        packed: The bundle of pack_model.
        directory: The directory of the demo.

    Raises:
        UserError: The bundle needs trust that the config does not give, the page's fields do not
            fit the contract, or a file is missing.
    """
    config = context.configs["demo"]
    bundle = open_bundle(packed)
    targets = collect_targets(*map(bundle.config, (INFERENCE, MODEL)))
    check_trust(bundle, targets, config["model"]["trust_user_code"], _TRUST)
    settings = _demo_settings(context, bundle.meta.get("contract"))
    pack = config["pack"]
    names = copy_code(context.recipe_dir, pack["include"], pack["exclude"], directory)
    taken = [name for name in names if name in _OWN or name.startswith(f"{BUNDLE}/")]
    if taken:
        raise UserError(
            f'"{taken[0]}" is written by pack_demo itself', where=f"{config.where}.pack.include"
        )
    shutil.copytree(packed, directory / BUNDLE)
    (directory / SETTINGS).write_text(dump_yaml(settings), encoding="utf-8")
    script = config["ui"]["app_script"]
    app = _APP if script is None else _read_text(context, script, "script", "ui.app_script")
    (directory / "app.py").write_text(app, encoding="utf-8")
    requirements = "".join(f"{line}\n" for line in pack["requirements"])
    (directory / "requirements.txt").write_text(requirements, encoding="utf-8")
    card = _space_readme(context, settings["title"], pack["readme_context"])
    (directory / "README.md").write_text(card, encoding="utf-8")


def _demo_settings(context: StageContext, contract: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the content of ``demo.yaml``, the settings of the page."""
    config = context.configs["demo"]
    ui, model = config["ui"], config["model"]
    declared = read_contract(contract, "contract")
    sides = {}
    for side in ("inputs", "outputs"):
        fields = getattr(declared, side) if declared else ()
        sides[side] = _page_fields(ui[side], fields, f"{ui.where}.{side}")
    description = ui["description"] or ""
    if description.endswith(".md") and "\n" not in description:
        description = _read_text(context, description, "description", "ui.description")
    return {
        "title": ui["title"] or f"{context.recipe} · {context.exp_tag}",
        "description": description,
        "limits": {key: ui[key] for key in LIMITS},
        "model": {key: to_plain(model[key]) for key in ("device", "trust_user_code", "call_args")},
        **sides,
    }


def _page_fields(
    chosen: Sequence[Mapping[str, Any]] | None, declared: Sequence[Field], where: str
) -> list[dict[str, Any]]:
    by_name = {field.name: field for field in declared}
    if chosen is None:
        if not declared:
            raise UserError(
                "the page has no fields",
                where=where,
                hint="declare contract in the inference config, or list the fields here",
            )
        chosen = [{"key": field.name, "type": field.kind, "label": None} for field in declared]
    shown = []
    for item in chosen:
        field = by_name.get(item["key"])
        if declared and field is None:
            raise UserError(
                f'the contract has no "{item["key"]}"',
                where=where,
                hint=did_you_mean(item["key"], list(by_name)),
            )
        rate = field.sample_rate if field else None
        if where.endswith("inputs") and item["type"] == "segments":
            raise UserError(f'a page cannot ask for segments ("{item["key"]}")', where=where)
        if where.endswith("outputs") and item["type"] == "audio" and not rate:
            raise UserError(
                f'the sample rate of "{item["key"]}" is not known',
                where=where,
                hint="declare sample_rate in the inference config's contract.outputs",
            )
        shown.append(
            {
                "key": item["key"],
                "type": item["type"],
                "label": item["label"] or (field.label if field else item["key"]),
                "optional": bool(field and field.optional),
                "sample_rate": rate,
            }
        )
    return shown


def _read_text(context: StageContext, name: str, kind: str, where: str) -> str:
    path = context.recipe_dir / name
    if not path.is_file():
        raise UserError(f'there is no {kind} "{name}"', where=where)
    return path.read_text(encoding="utf-8")


def _space_readme(context: StageContext, title: str, extra: Mapping[str, Any]) -> str:
    """Return the README of the Space; its head configures it."""
    corpus, _, task = context.recipe.partition("/")
    head = {
        "title": title,
        "emoji": "🎙️",
        "colorFrom": "blue",
        "colorTo": "gray",
        "sdk": "gradio",
        "app_file": "app.py",
        "pinned": False,
        "tags": ["speech", "espnet3-compile", *(re.sub(r"\W+", "-", t) for t in (corpus, task))],
    }
    body = _README.format(title=title, recipe=context.recipe, exp_tag=context.exp_tag)
    return f"---\n{dump_yaml({**head, **to_plain(extra)})}---\n\n{body}"


_TRUST = "read that code; to let the demo run it, write model: {trust_user_code: true}"
_APP = '''\
"""The demo.  Its texts and fields are in demo.yaml; start it with: python app.py"""

from pathlib import Path

from espnet3_runtime.publication.demo import launch, make_demo

demo = make_demo(Path(__file__).resolve().parent)

if __name__ == "__main__":
    launch(demo)
'''
_README = """\
# {title}

A demo of the recipe `{recipe}`, experiment `{exp_tag}`. To start it on your own machine:

```sh
pip install -r requirements.txt
python app.py
```
"""
