from collections.abc import Iterator

import pytest

from tests.compiler.lsp_kit import Editor, open_editor


@pytest.fixture(scope="package")
def editor() -> Iterator[Editor]:
    """One server for all tests: it starts once, and stays warm, as beside a person."""
    with open_editor() as one:
        yield one
