"""One whole stack for the end-to-end tests."""

from collections.abc import Iterator

import pytest
from live_stack import LiveStack, live_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    with live_stack(tmp_path_factory.mktemp("stack"), lanes=("image", "video", "audio", "io")) as stack:
        yield stack
