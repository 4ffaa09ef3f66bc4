"""Assemble a demo: a page, its settings, and the bundle."""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from espnet3_runtime.config import ConfigView, to_plain
from espnet3_runtime.data.contract import Field, read_contract
from espnet3_runtime.errors import UserError, did_you_mean
from espnet3_runtime.publication.bundle import INFERENCE, MODEL, dump_yaml, open_bundle
from espnet3_runtime.publication.demo import LIMITS, SETTINGS
from espnet3_runtime.publication.recipe_code import copy_code
from espnet3_runtime.publication.trust import check_trust
from espnet3_runtime.publication.untrusted_config import check_texts
from espnet3_runtime.stage import StageContext
from espnet3_schemas.bundles import DEMO_BUNDLE, DEMO_FILES, WIDGETS


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
    configs = {name: bundle.config(name) for name in (INFERENCE, MODEL)}
    trusted = config["model"]["trust_user_code"]
    check_trust(bundle, configs, trusted, _TRUST)
    if not trusted:
        check_texts(configs, bundle.directory)
    settings = _demo_settings(context, bundle.meta.get("contract"))
    pack = config["pack"]
    names = copy_code(context.recipe_dir, pack, directory)
    taken = [name for name in names if name in DEMO_FILES or name.startswith(f"{DEMO_BUNDLE}/")]
    if taken:
        raise UserError(
            f'"{taken[0]}" is written by pack_demo itself', where=f"{config.where}.pack.include"
        )
    shutil.copytree(packed, directory / DEMO_BUNDLE)
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
    declared = read_contract(contract, "contract", runs_code=False)
    sides = {}
    for side in ("inputs", "outputs"):
        fields = getattr(declared, side) if declared else ()
        sides[side] = _page_fields(ui, side, fields)
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


def _page_fields(ui: ConfigView, side: str, declared: Sequence[Field]) -> list[dict[str, Any]]:
    """Return the fields of one side of the page, held against those of the contract."""
    where = f"{ui.where}.{side}"
    by_name = {field.name: field for field in declared}
    chosen = ui[side]
    if chosen is None:
        if not declared:
            raise UserError(
                f"the page has no {side}",
                where=where,
                hint="declare contract in the inference config, or list the fields here",
            )
        chosen = [{"key": field.name, "type": field.kind, "label": None} for field in declared]
    for item in chosen:
        if declared and item["key"] not in by_name:
            raise UserError(
                f'the contract has no "{item["key"]}" among its {side}',
                where=where,
                hint=did_you_mean(item["key"], list(by_name)),
            )
        _check_widget(item, by_name.get(item["key"]), side, where)
    if ui["app_script"] is None:
        _check_page(chosen, declared, side, where)
    return [_page_field(item, by_name.get(item["key"])) for item in chosen]


def _check_widget(item: Mapping[str, Any], field: Field | None, side: str, where: str) -> None:
    if side == "inputs" and item["type"] == "segments":
        raise UserError(f'a page cannot ask for segments ("{item["key"]}")', where=where)
    if item["type"] == "own" and not field:
        hint = "declare it in the inference config's contract, with kind: own and its type"
        raise UserError(f'"{item["key"]}" has no type', where=where, hint=hint)
    if side == "outputs" and item["type"] == "audio" and not (field and field.sample_rate):
        raise UserError(
            f'the sample rate of "{item["key"]}" is not known',
            where=where,
            hint="declare sample_rate in the inference config's contract.outputs",
        )


def _check_page(
    chosen: Sequence[Mapping[str, Any]], declared: Sequence[Field], side: str, where: str
) -> None:
    """Refuse what would fail for every visitor of the built-in page."""
    kinds = {field.name: field.kind for field in declared}
    for item in chosen:
        kind = kinds.get(item["key"], "")
        if kind and kind not in (item["type"], *WIDGETS[side].get(item["type"], ())):
            raise UserError(
                f'"{item["key"]}" is {kind}, which is not for a widget of type {item["type"]}',
                where=where,
                hint=f"write type: {kind}"
                if kind in WIDGETS[side]
                else f"leave {side} out: the page then has those of the contract",
            )
    shown = [item["key"] for item in chosen]
    for field in declared:
        if side == "inputs" and not field.optional and field.name not in shown:
            raise UserError(
                f'the page does not ask for "{field.name}", which the contract requires',
                where=where,
                hint="list it here, or make it optional: true in the contract",
            )


def _page_field(item: Mapping[str, Any], field: Field | None) -> dict[str, Any]:
    return {
        "key": item["key"],
        "type": item["type"],
        "label": item["label"] or (field.label if field else item["key"]),
        "optional": bool(field and field.optional),
        "sample_rate": field.sample_rate if field else None,
        **(_kind_options(field) if field else {}),
    }


def _kind_options(field: Field) -> dict[str, Any]:
    """Return what the widget of a kind needs beside its label."""
    options: dict[str, dict[str, Any]] = {
        "image": {"channels": field.channels},
        "category": {"choices": list(field.choices)},
        "table": {"columns": list(field.columns)},
    }
    return options.get(field.kind, {})


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
