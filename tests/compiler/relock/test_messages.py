"""The lock that is written fits its published schema."""

import json
from pathlib import Path

from espnet3_compiler.relock.messages import first_violation

LOCK = Path(__file__).parents[2] / "golden" / "minimal" / "build" / "recipe.lock.json"


def test_a_good_lock_passes():
    assert first_violation(json.loads(LOCK.read_text())) is None


def test_a_wrong_lock_is_refused():
    lock = json.loads(LOCK.read_text())
    lock["stages"][0]["needs"] = "train"
    fault = first_violation(lock)
    assert fault is not None
    assert fault.path == ("stages", 0, "needs")
