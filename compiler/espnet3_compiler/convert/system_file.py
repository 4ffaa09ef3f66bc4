"""Write a System that runs the methods of an ESPnet3 System as they are, and its declaration."""

from espnet3_compiler.convert.recipe import ConvertedRecipe
from espnet3_compiler.convert.stage_entries import ordered_stages
from espnet3_compiler.syntax.tree import Plain
from espnet3_schemas import systems

_BASES = {
    "asr": ("espnet3_runtime.systems.asr", "ASRSystem"),
    "base": ("espnet3_runtime.systems.base", "BaseSystem"),
}
_HEAD = '''"""Stages of {path}, each with the config that it had in ESPnet3."""

from typing import Any

from espnet3_runtime.stage import Outputs, StageContext
from {module} import {base}


class {name}({base}):
    """Runs methods of {path} as they are: they need ESPnet3 where they run."""
'''
_METHOD = '''
    def {stage}(self, context: StageContext) -> Outputs:
        """Run the method of this name."""
        return _run_method(
            "{stage}",
            {{
{configs}            }},
        )
'''
_TAIL = """

def _run_method(name: str, configs: dict[str, Any]) -> Outputs:
    from omegaconf import OmegaConf

    from {module} import {name} as ESPnet3System

    made = {{key: OmegaConf.create(value) for key, value in configs.items()}}
    getattr(ESPnet3System(**made), name)()
    return {{}}
"""


def render_system(found: ConvertedRecipe) -> tuple[str, dict[str, Plain]]:
    """Return the text of the module of the System, and its declaration."""
    path = found.launched.path
    module, _, name = path.rpartition(".")
    base_module, base = _BASES[found.launched.base]
    text = _HEAD.format(path=path, module=base_module, base=base, name=name)
    for stage in found.launched.stages:
        if stage.work is None:
            configs = "".join(
                f'                "{one.attribute}": context.configs["{one.name}"].plain(),\n'
                for one in found.stage_configs
                if one.stage == stage.name
            )
            text += _METHOD.format(stage=stage.name, configs=configs)
    return text + _TAIL.format(module=module, name=name), _declaration(found)


def _declaration(found: ConvertedRecipe) -> dict[str, Plain]:
    """Return what the stages read, and that each waits for those before it.

    What a method of ESPnet3 makes is not known, so every stage after it reads it.
    """
    kinds: dict[str, Plain] = {}
    before: list[Plain] = []
    own: list[Plain] = []
    for stage in ordered_stages(found):
        kind = stage.work.kind if stage.work else stage.name
        if stage.work is None:
            reads = [one.name for one in found.stage_configs if one.stage == stage.name]
            roles: dict[str, Plain] = {role: {} for role in reads}
            title = f"The method {stage.name} of {found.launched.path}"
            entry: dict[str, Plain] = {"title": title, "roles": roles, "consumes": list(before)}
            for one in found.stage_configs:
                if one.stage == stage.name and one.log_dir:
                    entry["log_dir"] = one.log_dir
            kinds[kind] = entry
            own.append(kind)
        elif own and kind not in kinds:
            known = systems()["kinds"][kind]["consumes"]
            kinds[kind] = {"consumes": [*dict.fromkeys((*known, *own))]}
        if kind not in before:
            before.append(kind)
    return {"title": f"Stages of {found.launched.path}", "kinds": kinds}
