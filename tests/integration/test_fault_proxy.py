"""The fault proxy does what it says, in front of a real Valkey and of a real client."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial

import pytest
import redis
from fault_proxy import FaultProxy, fault_proxy
from faults import Loss, Refusal
from processes import wait_for
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis_faults import (
    ERRORS,
    Command,
    RedisFaults,
    RedisScreen,
    is_command,
    lost_pulses,
)
from servers import Valkey

READ_S = 0.5

pytestmark = pytest.mark.usefixtures("redis_url")  # an empty store


@pytest.fixture
def faults() -> RedisFaults:
    return RedisFaults()


@pytest.fixture
def proxy(redis_server: Valkey, faults: RedisFaults) -> Iterator[FaultProxy]:
    with fault_proxy(redis_server.port, partial(RedisScreen, faults)) as proxy:
        yield proxy


@contextmanager
def dialed(proxy: FaultProxy, *, protocol: int = 3) -> Iterator[redis.Redis]:
    """A client that repeats nothing."""
    with redis.Redis(
        port=proxy.port,
        protocol=protocol,
        socket_timeout=READ_S,
        retry=Retry(NoBackoff(), 0),
    ) as client:
        yield client


def subscribe(client: redis.Redis, channel: str) -> redis.client.PubSub:
    ear: redis.client.PubSub = client.pubsub()  # type: ignore[no-untyped-call]  # redis-py is half typed
    ear.subscribe(channel)
    return ear


def refused(words: str) -> Refusal[Command]:
    return Refusal(matches=is_command(b"INCRBY"), answer=ERRORS[words])


def took_s(client: redis.Redis) -> float:
    begun_s = time.monotonic()
    client.ping()
    return time.monotonic() - begun_s


@pytest.mark.parametrize("protocol", [2, 3])
def test_everything_passes_when_nothing_is_wrong(proxy: FaultProxy, protocol: int) -> None:
    blob = bytes(range(256)) * 4096
    with dialed(proxy, protocol=protocol) as client:
        assert client.set("blob", blob)
        assert client.get("blob") == blob
        pipeline = client.pipeline()
        for number in range(100):
            pipeline.hset("hash", str(number), number)
        pipeline.hgetall("hash")
        assert len(pipeline.execute()[-1]) == 100
        assert client.get("nothing") is None
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            client.incr("hash")


@pytest.mark.parametrize("protocol", [2, 3])
def test_messages_pass_though_nobody_asked_for_them(proxy: FaultProxy, protocol: int) -> None:
    with dialed(proxy, protocol=protocol) as client, closing(subscribe(client, "news")) as ear:
        assert ear.get_message(timeout=5)
        for text in (b"one", b"two"):
            client.publish("news", text)
            message = ear.get_message(timeout=5)
            assert message
            assert message["data"] == text


def test_a_lost_reply_means_it_was_done_and_nobody_heard(proxy: FaultProxy, faults: RedisFaults) -> None:
    loss = Loss(matches=is_command(b"INCRBY"), times=2)
    with dialed(proxy) as client, faults.making(loss):
        for _ in range(2):
            with pytest.raises(redis.ConnectionError):
                client.incr("count")
        assert client.incr("count") == 3
    assert loss.is_over


@pytest.mark.parametrize("protocol", [2, 3])
def test_only_the_reply_that_carries_something_is_lost(proxy: FaultProxy, faults: RedisFaults, protocol: int) -> None:
    loss = lost_pulses(1)
    with dialed(proxy, protocol=protocol) as client, faults.making(loss):
        assert client.brpop("queue", 0.01) is None
        assert not loss.is_over
        client.lpush("queue", "pulse")
        with pytest.raises(redis.ConnectionError):
            client.brpop("queue", 0.01)
        assert client.llen("queue") == 0
    assert loss.is_over


def test_a_reply_is_lost_though_it_was_waited_for_before(proxy: FaultProxy, faults: RedisFaults) -> None:
    with dialed(proxy) as client, ThreadPoolExecutor(1) as waiting:
        reply = waiting.submit(client.brpop, "queue", 5)
        wait_for(lambda: client.info("clients")["blocked_clients"] == 1)
        with faults.making(lost_pulses(1)):
            client.lpush("queue", "pulse")
            with pytest.raises(redis.ConnectionError):
                reply.result()


@pytest.mark.parametrize("words", ERRORS)
def test_a_command_that_is_answered_with_an_error_never_arrives(
    proxy: FaultProxy, faults: RedisFaults, words: str
) -> None:
    with dialed(proxy) as client:
        with faults.making(refused(words)), pytest.raises(redis.RedisError):
            client.incr("count")
        assert client.incr("count") == 1


def test_an_error_comes_in_its_turn(proxy: FaultProxy, faults: RedisFaults) -> None:
    refusal = refused("OOM")
    with dialed(proxy) as client, faults.making(refusal):
        pipeline = client.pipeline(transaction=False)
        pipeline.set("a", 1)
        pipeline.incr("count")
        pipeline.incr("count")
        pipeline.get("a")
        stored, *errors, found = pipeline.execute(raise_on_error=False)
    assert (stored, found) == (True, b"1")
    assert [type(error) for error in errors] == [redis.exceptions.OutOfMemoryError] * 2
    assert len(refusal.happened_at_s) == 2


def test_a_reset_hits_every_connection_and_no_later_one(proxy: FaultProxy) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port)) as first, dialed(proxy) as later:
        first.sendall(b"*1\r\n$4\r\nPING\r\n")
        assert first.recv(7) == b"+PONG\r\n"
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            first.recv(1)
        assert later.ping()
    wait_for(lambda: not proxy.links)


def test_a_frozen_server_accepts_and_says_nothing(proxy: FaultProxy) -> None:
    with dialed(proxy) as old, dialed(proxy) as new:
        old.ping()
        with proxy.frozen():
            for client in (old, new):
                with pytest.raises(redis.TimeoutError):
                    client.ping()
        assert old.ping()


def test_a_half_open_connection_stays_silent_while_new_ones_work(proxy: FaultProxy) -> None:
    with dialed(proxy) as old, dialed(proxy) as new:
        old.ping()
        proxy.strand()
        with pytest.raises(redis.TimeoutError):
            old.ping()
        assert new.ping()


def test_delay_and_bandwidth_slow_every_connection(proxy: FaultProxy) -> None:
    with dialed(proxy) as client:
        client.ping()
        proxy.replies.delay_s = 0.2
        assert took_s(client) >= 0.2
        proxy.replies.delay_s, proxy.requests.bytes_per_s = 0.0, 100.0
        begun_s = time.monotonic()
        client.set("k", b"x" * 20)
        assert time.monotonic() - begun_s >= 0.3


def test_a_connection_is_cut_after_so_many_bytes(proxy: FaultProxy) -> None:
    proxy.replies.cut_after_bytes = 10_000
    with dialed(proxy) as client:
        client.set("blob", b"x" * 20_000)
        assert client.ping()
        with pytest.raises(redis.ConnectionError):
            client.get("blob")


def test_a_server_that_is_down_refuses(proxy: FaultProxy) -> None:
    with dialed(proxy) as client:
        client.ping()
        with proxy.down(), pytest.raises(redis.ConnectionError):
            client.ping()
        with proxy.down(), pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", proxy.port))
        assert client.ping()


def test_a_dead_server_hangs_up(proxy: FaultProxy) -> None:
    proxy.server_port = 1  # nobody listens there
    with dialed(proxy) as client, pytest.raises(redis.ConnectionError):
        client.ping()
