"""One whole stack for the end-to-end tests, with a PayloadCMS where Node.js can run one."""

from collections.abc import Iterator

import pytest
from live_stack import LiveStack, live_stack
from payload_cms_server import has_node


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    lanes = ("image", "video", "audio", "io")
    with live_stack(tmp_path_factory.mktemp("stack"), lanes=lanes, payload=has_node()) as stack:
        yield stack
