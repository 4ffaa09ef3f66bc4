"""What holds for all tests."""

import contextlib
import importlib
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from espnet3_compiler.signature.cache import CACHE_VARIABLE

# readline, loaded where workers are started, exports the size of a terminal that is none, past
# os.environ: to subprocesses alone.
with contextlib.suppress(ImportError):
    importlib.import_module("readline")
for size in ("COLUMNS", "LINES"):
    os.environ.pop(size, None)
    os.unsetenv(size)

# A busy machine is no mistake: no example is timed.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Leave the cache of the person who runs the tests alone, in subprocesses too."""
    before = os.environ.get(CACHE_VARIABLE)
    os.environ[CACHE_VARIABLE] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ[CACHE_VARIABLE]
    else:
        os.environ[CACHE_VARIABLE] = before
