"""One stack whose parts are killed. It works on the lane of echoes: their tasks take as long as a test asks."""

from collections.abc import Iterator

import pytest
from live_stack import LiveStack, live_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    with live_stack(tmp_path_factory.mktemp("stack"), lanes=("io",)) as stack:
        yield stack
