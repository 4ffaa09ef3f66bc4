"""What VERSA calls: scorers by their config, items scored one by one, a summary of them."""

import json
import math
from pathlib import Path

import numpy as np
import soundfile

SHORTEST = 80  # samples; VERSA passes over what is too short for its scorers


def level(wave, **_):
    return {"level": float(np.abs(wave).max())}


def distance(wave, ref, **_):
    return {"distance": float(np.abs(wave - ref).max()), "sir": math.inf, "heard_text": "x"}


def letters(text, **_):
    return {"letters": len(text)}


SCORERS = {"level": (level, ()), "distance": (distance, ("gt",)), "letters": (letters, ("text",))}


def load_score_modules(score_config, use_gt=True, use_gt_text=False, use_gpu=False):
    given = {"gt": use_gt, "text": use_gt_text}
    loaded = {}
    for config in score_config:
        function, needs = SCORERS.get(config["name"], (None, ()))
        if function and all(given[one] for one in needs):
            loaded[config["name"]] = {"module": function, "args": {"scale": config.get("scale", 1)}}
    return loaded


def list_scoring(
    gen_files, score_modules, gt_files=None, text_info=None, output_file=None, io="kaldi"
):
    assert io == "soundfile"
    scores = []
    for key, path in gen_files.items():
        wave, rate = soundfile.read(path)
        if len(wave) < SHORTEST:
            continue
        given = {"wave": wave, "ref": soundfile.read(gt_files[key])[0] if gt_files else None}
        found = {"key": key, "rate": rate}
        for one in score_modules.values():
            found |= one["module"](text=text_info and text_info[key], **given)
        scores.append(found)
    if output_file:
        Path(output_file).write_text("".join(json.dumps(one) + "\n" for one in scores))
    return scores


def load_summary(score_info):
    names = [name for name in score_info[0] if name != "key" and "text" not in name]
    return {name: sum(one[name] for one in score_info) / len(score_info) for name in names}
