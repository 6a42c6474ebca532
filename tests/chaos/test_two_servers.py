"""Two inference servers, of which one is killed under load. Named after the number of its fault."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import servers
from echo_load import await_count, bursting, submit_echo
from processes import children_of, wait_for
from proxied_node import ProxiedNode, Servers, proxied_node
from verdict import assert_sound, attempts, await_all, statuses

START_S = 90.0


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory, witness: Path) -> Iterator[servers.Triton]:
    with servers.triton(tmp_path_factory.mktemp("second"), root=witness) as server:
        yield server


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory,
    s3_server: servers.SeaweedFs,
    triton_server: servers.Triton,
    second: servers.Triton,
) -> Iterator[ProxiedNode]:
    """A node with both, none behind a proxy."""
    folder, both = tmp_path_factory.mktemp("pair"), (triton_server, second)
    env = {
        "ORCH_TRITON__GRPC": ",".join(server.grpc for server in both),
        "ORCH_TRITON__METRICS_URL": ",".join(server.metrics_url for server in both),
        "ORCH_TRITON__WARDEN_URL": ",".join(server.warden_url for server in both),
    }
    with (
        servers.valkey(folder) as valkey,
        proxied_node(folder, Servers(valkey, s3_server, triton_server), env=env) as node,
    ):
        yield node


def asked(node: ProxiedNode) -> int:
    """How many servers claims may send an echo to."""
    return len((cast("str | None", node.admin.get("orch:serving:echo")) or "").splitlines())


def test_fault_27_one_of_two_servers_is_killed_and_the_other_goes_on(pair: ProxiedNode, second: servers.Triton) -> None:
    wait_for(lambda: asked(pair) == 2, within_s=START_S)
    with bursting(pair, 60) as burst:
        await_count(burst, 20)
        (server,) = children_of(second.process.pid)
        os.kill(server, signal.SIGKILL)
        second.process.wait(30)
    await_all(pair.store, burst.ids)
    assert_sound(pair.store, burst.ids)
    assert statuses(pair.store, burst.ids) == {"succeeded"}
    wait_for(lambda: asked(pair) == 1)
    meanwhile = [submit_echo(pair) for _ in range(5)]
    await_all(pair.store, meanwhile)
    assert [len(attempts(pair.store, task)) for task in meanwhile] == [1] * 5, "none is sent to the dead one"
    ready = pair.http.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["checks"]["triton"]["ok"]
    wait_for(lambda: second.grpc in str(pair.http.get("/readyz").json()["warnings"]))
    second.start()
    wait_for(lambda: asked(pair) == 2, within_s=START_S)
    assert pair.given_up == []
