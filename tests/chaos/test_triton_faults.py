"""The way to Triton breaks off, falls silent, and is slow. Every test is named after the number of its fault."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from echo_load import await_count, bursting
from fault_proxy import FaultProxy, fault_proxy
from processes import children_of, connections_to, let_pass
from proxied_node import ProxiedNode
from servers import Triton, rehearsal, wait_for_file
from verdict import assert_sound, await_all

from orchestrator.adapters.triton.engine import TritonEngine
from orchestrator.domain.errors import Category, StageTimeout, Unavailable
from orchestrator.ports.inference import Inference, Terms

DEADLINE_S = 3.0
PATIENCE_S = 20.0
ECHO = np.arange(6, dtype=np.uint8).reshape(2, 3)


@pytest.fixture
def proxy(triton_server: Triton) -> Iterator[FaultProxy]:
    with fault_proxy(triton_server.ports.grpc) as proxy:
        yield proxy


@contextmanager
def dialed(proxy: FaultProxy, *, deadline_s: float) -> Iterator[TritonEngine]:
    with closing(TritonEngine(f"127.0.0.1:{proxy.port}", deadline_s=deadline_s)) as engine:
        yield engine


def echo(engine: TritonEngine) -> Inference:
    return engine.submit("echo", {"input": ECHO}, outputs=("output",))


def test_fault_23_a_connection_reset_in_the_middle_of_an_inference(proxy: FaultProxy, tmp_path: Path) -> None:
    mark = tmp_path / "begun"
    with dialed(proxy, deadline_s=PATIENCE_S) as engine:
        inference = engine.submit("rehearsal", rehearsal(delay_ms=1500, mark=mark), outputs=("call",))
        wait_for_file(mark)
        reset_at_s = time.monotonic()
        proxy.reset()
        with pytest.raises(Unavailable) as caught:
            inference.result(PATIENCE_S)
        assert time.monotonic() - reset_at_s < 1
        assert caught.value.category is Category.NETWORK
        assert np.array_equal(echo(engine).result(PATIENCE_S)["output"], ECHO)


def test_fault_23_a_server_that_accepts_and_never_answers(proxy: FaultProxy) -> None:
    with dialed(proxy, deadline_s=DEADLINE_S) as engine:
        echo(engine).result(PATIENCE_S)
        with proxy.frozen():
            asked_at_s = time.monotonic()
            with pytest.raises(StageTimeout):
                echo(engine).result(PATIENCE_S)
            assert time.monotonic() - asked_at_s < DEADLINE_S + 1
        assert np.array_equal(echo(engine).result(PATIENCE_S)["output"], ECHO)


def test_fault_23_what_is_late_is_dropped_by_the_server_also_when_nobody_can_tell_it(
    proxy: FaultProxy, triton_server: Triton, tmp_path: Path
) -> None:
    mark = tmp_path / "begun"
    with dialed(proxy, deadline_s=PATIENCE_S) as engine, closing(TritonEngine(triton_server.grpc)) as beside:
        asked_at_s = time.monotonic()
        slow = rehearsal(delay_ms=20_000, mark=mark)
        engine.submit("rehearsal", slow, outputs=("call",), terms=Terms(within_s=1.0))
        wait_for_file(mark)
        with proxy.frozen():
            beside.submit("rehearsal", rehearsal(), outputs=("call",)).result(PATIENCE_S)
        assert 0.9 < time.monotonic() - asked_at_s < DEADLINE_S


def test_after_the_fork_each_child_has_a_channel_of_its_own_and_no_more(node: ProxiedNode) -> None:
    with bursting(node, 40) as burst:
        pass
    await_all(node.store, burst.ids)
    port = node.outside.triton.port
    held = [connections_to(port, child) for child in children_of(node.worker)]
    assert {len(sockets) for sockets in held} <= {0, 1}, "inference and control share one"
    assert len(set().union(*held)) == sum(map(len, held)) > 0, "none is inherited"
    assert not connections_to(port, node.worker)


def test_fault_27_connections_to_triton_reset_under_load(node: ProxiedNode) -> None:
    triton = node.outside.triton
    triton.replies.delay_s = 0.2
    try:
        with bursting(node, 60) as burst:
            for _ in range(4):
                let_pass(0.5)
                triton.reset()
    finally:
        triton.replies.delay_s = 0.0
    await_all(node.store, burst.ids)
    assert_sound(node.store, burst.ids)
    assert node.given_up == []


def test_fault_27_triton_is_killed_in_mid_batch_and_nothing_is_lost(node: ProxiedNode) -> None:
    triton = node.servers.triton
    with bursting(node, 60) as burst:
        await_count(burst, 20)
        (server,) = children_of(triton.process.pid)
        os.kill(server, signal.SIGKILL)
        assert triton.process.wait(30) == 128 + signal.SIGKILL, "its warden has ended as it did"
        triton.start()
    await_all(node.store, burst.ids)
    assert_sound(node.store, burst.ids)
    assert node.given_up == []
