"""One whole stack for the end-to-end tests, with a PayloadCMS where Node.js can run one."""

from collections.abc import Iterator

import pytest
from live_stack import LiveStack, live_stack
from payload_cms_server import has_node


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    lanes = ("image", "video", "audio", "io")
    env = {"ORCH_WEBHOOKS__PRIVATE_NETWORKS": '["127.0.0.0/8"]'}  # receivers of tests are on this machine
    with live_stack(tmp_path_factory.mktemp("stack"), lanes=lanes, env=env, payload=has_node()) as stack:
        yield stack
