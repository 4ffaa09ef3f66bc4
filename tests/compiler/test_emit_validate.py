"""The lock is compared with its schema before it is written."""

import json
from pathlib import Path

import pytest

from espnet3_compiler.emit.validate import validate_lock

LOCK = Path(__file__).parents[1] / "golden" / "minimal" / "build" / "recipe.lock.json"


def test_a_good_lock_passes():
    validate_lock(LOCK.read_text())


def test_a_wrong_lock_is_refused():
    lock = json.loads(LOCK.read_text())
    lock["stages"][0]["needs"] = "train"
    with pytest.raises(ValueError, match=r"stages\[0\]\.needs"):
        validate_lock(json.dumps(lock))
