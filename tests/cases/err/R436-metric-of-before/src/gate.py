"""A call that reads the scores."""

import json


def check(scores):
    found = json.loads(scores.read_text())["metrics"]["cer"]
    return {"worst": max(found.values())}
