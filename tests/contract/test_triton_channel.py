"""The way to Triton: options that both ends agree on, a name that leads elsewhere, and requests that are given up."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from fake_triton import FakeTriton, fake_triton
from grpc import StatusCode
from name_server import NameServer, name_server
from processes import children_of, wait_for
from servers import ROOT, Triton, rehearsal, wait_for_file

from orchestrator.adapters.triton.channel import CHANNEL_ARGS
from orchestrator.adapters.triton.control import TritonControl
from orchestrator.adapters.triton.engine import TritonEngine
from orchestrator.domain.errors import Overloaded, RunCanceled, StageTimeout, Unavailable

OPTIONS = dict(CHANNEL_ARGS)
ANSWERED_S = 10.0


def flags(words: list[str]) -> dict[str, str]:
    return dict(word[2:].partition("=")[::2] for word in words if word.startswith("--"))


def served_flags(triton: Triton) -> dict[str, str]:
    """Those that the server runs with."""
    (server,) = children_of(triton.process.pid)
    return flags(Path(f"/proc/{server}/cmdline").read_bytes().decode().split("\0"))


def container_flags(_triton: Triton) -> dict[str, str]:
    return flags((ROOT / "triton" / "serve.sh").read_text().split())


def test_the_list_of_options_is_whole_as_tritonclient_adds_none_of_its_own_to_it() -> None:
    of_tritonclient = {
        "grpc.max_send_message_length",
        "grpc.max_receive_message_length",
        "grpc.keepalive_time_ms",
        "grpc.keepalive_timeout_ms",
        "grpc.keepalive_permit_without_calls",
        "grpc.http2.max_pings_without_data",
    }
    assert of_tritonclient <= OPTIONS.keys()
    assert OPTIONS["grpc.max_send_message_length"] == OPTIONS["grpc.max_receive_message_length"] == 2**31 - 1


@pytest.mark.parametrize("of_server", [served_flags, container_flags])
def test_keepalive_is_no_more_than_the_server_bears(
    triton_server: Triton, of_server: Callable[[Triton], dict[str, str]]
) -> None:
    """Else it hangs up with GOAWAY too_many_pings, for ever (stack facts C.5)."""
    found = of_server(triton_server)
    assert found["grpc-keepalive-permit-without-calls"] == str(OPTIONS["grpc.keepalive_permit_without_calls"])
    least_ms = int(found["grpc-http2-min-recv-ping-interval-without-data"])
    assert least_ms < OPTIONS["grpc.keepalive_time_ms"] <= 60_000


@contextmanager
def two_homes() -> Iterator[tuple[FakeTriton, FakeTriton, NameServer]]:
    """Two servers at one port of two addresses, and a name that leads to the first."""
    with (
        fake_triton("127.0.0.2:0") as first,
        fake_triton(f"127.0.0.3:{port_of(first)}") as second,
        name_server("127.0.0.2") as names,
    ):
        yield first, second, names


def port_of(server: FakeTriton) -> int:
    return int(server.address.rpartition(":")[2])


def asks(engine: TritonEngine) -> bool:
    try:
        engine.submit("m", {}, outputs=()).result(ANSWERED_S)
    except Unavailable:
        return False
    return True


def test_a_name_is_looked_up_anew_when_whoever_has_its_address_says_unavailable_again_and_again() -> None:
    with two_homes() as (first, second, names), closing(TritonEngine(names.name("triton", port_of(first)))) as engine:
        assert asks(engine)
        names.leads_to = "127.0.0.3"
        assert asks(engine)
        assert (len(first.asked), len(second.asked)) == (2, 0), "the connection is good: nobody asks for the name"
        first.say(StatusCode.UNAVAILABLE, "Server exiting")
        wait_for(lambda: asks(engine))
        assert len(first.asked) == 2 + 3
        assert second.asked == ["infer"]


def test_control_looks_it_up_as_well() -> None:
    with two_homes() as (first, _, names):
        name = names.name("triton", port_of(first))
        with closing(TritonControl(name, control_key="any")) as control:
            assert control.is_live()
            names.leads_to = "127.0.0.3"
            first.say(StatusCode.UNAVAILABLE, "Server exiting")
            wait_for(control.is_live)


def test_what_is_an_answer_redials_nobody() -> None:
    with two_homes() as (first, second, names), closing(TritonEngine(names.name("triton", port_of(first)))) as engine:
        assert asks(engine)
        names.leads_to = "127.0.0.3"
        first.say(StatusCode.UNAVAILABLE, "Exceeds maximum queue size")
        for _ in range(6):
            with pytest.raises(Overloaded):
                asks(engine)
        assert not second.asked


def test_a_server_that_moved_is_found_where_its_name_leads_now() -> None:
    with name_server("127.0.0.2") as names, fake_triton("127.0.0.3:0") as second:
        with fake_triton(f"127.0.0.2:{port_of(second)}") as first:
            engine = TritonEngine(names.name("triton", port_of(first)))
            assert asks(engine)
        with closing(engine):
            assert not asks(engine)
            names.leads_to = "127.0.0.3"
            wait_for(lambda: asks(engine))


@pytest.fixture
def engine(triton_server: Triton) -> Iterator[TritonEngine]:
    """Whose `rehearsal` is idle: what the test before gave up stays in Triton's queue for a while."""
    with closing(TritonEngine(triton_server.grpc)) as engine:
        wait_for(lambda: rehearses(engine))
        yield engine


def rehearses(engine: TritonEngine) -> bool:
    try:
        engine.submit("rehearsal", rehearsal(), outputs=("call",)).result(ANSWERED_S)
    except Overloaded:
        return False
    return True


@pytest.mark.parametrize("how", ["cancel", "timeout"])
def test_what_is_given_up_stops_in_the_batcher_and_in_the_model(engine: TritonEngine, tmp_path: Path, how: str) -> None:
    """One runs, one waits behind it; a third is answered at once when both are given up, and the second never began."""
    running, waiting = (
        engine.submit("rehearsal", rehearsal(delay_ms=8_000, mark=tmp_path / name), outputs=("call",))
        for name in ("running", "waiting")
    )
    wait_for_file(tmp_path / "running")
    for inference in (waiting, running):
        if how == "cancel":
            inference.cancel()
            with pytest.raises(RunCanceled):
                inference.result(ANSWERED_S)
        else:
            with pytest.raises(StageTimeout):
                inference.result(0.05)
    call = engine.submit("rehearsal", rehearsal(), outputs=("call",)).result(4)["call"]
    again = engine.submit("rehearsal", rehearsal(), outputs=("call",)).result(4)["call"]
    assert np.array_equal(again, call + 1)
    assert not (tmp_path / "waiting").exists()
