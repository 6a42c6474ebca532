"""The plugin for Payload, by its own tests (integrations/payload-plugin/tests), which Node.js runs."""

import subprocess

import pytest
import servers

from orchestrator.local.payload import NodeMissing, PayloadProject, find_node


@pytest.mark.timeout(300)
def test_the_plugin_passes_its_tests() -> None:
    """A machine without Node.js, which nothing else needs, skips it; one on which it is not installed fails."""
    try:
        node = find_node()
    except NodeMissing as missing:
        pytest.skip(str(missing))
    project = PayloadProject(servers.ROOT)
    project.require_packages()
    done = subprocess.run(
        (node, "--test", "--test-reporter=tap", "tests/"),
        cwd=project.server.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
