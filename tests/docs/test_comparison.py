"""The page that compares with ESPnet3 names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "espnet3.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([a-z_/]+/test_\w+\.py)(?:::(\w+))?`", PAGE)))


def test_every_test_that_is_named_exists():
    assert len(NAMED) > 50
    texts = {name: (ROOT / "tests" / name).read_text(encoding="utf-8") for name, _ in NAMED}
    missing = [(name, test) for name, test in NAMED if test and f"def {test}(" not in texts[name]]
    assert missing == []


def test_every_case_that_is_named_exists():
    names = re.findall(r"`(cases/err/[^`]+)`", PAGE)
    assert names
    for name in names:
        assert list((ROOT / "tests").glob(f"{name.rstrip('*')}*")), name
