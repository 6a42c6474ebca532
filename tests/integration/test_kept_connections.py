"""Connections that are kept: which is used again, and which is ended."""

from collections.abc import Iterator
from contextlib import closing

import httpcore
import pytest
from webhook_receiver import Receiver, receiver

from orchestrator.adapters.web.kept_connections import KeptConnections


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as there:
        yield there


def kept(*, most: int = 8, idle_s: float = 60.0) -> KeptConnections:
    return KeptConnections(lambda origin: httpcore.HTTPConnection(origin, keepalive_expiry=idle_s), most=most)


def ask(connections: KeptConnections, url: str) -> httpcore.HTTPConnection:
    with connections.borrowed(httpcore.URL(url).origin) as connection:
        assert connection.request("POST", url, content=b"{}").status == 204
    return connection


def ask_at_once(connections: KeptConnections, url: str) -> list[httpcore.HTTPConnection]:
    """Two that are borrowed at the same time; the second is given back first."""
    with connections.borrowed(httpcore.URL(url).origin) as connection:
        other = ask(connections, url)
        assert connection.request("POST", url, content=b"{}").status == 204
    return [connection, other]


def test_the_warmest_is_used_again(there: Receiver) -> None:
    with closing(kept()) as connections:
        warmest, coldest = ask_at_once(connections, there.url)
        assert warmest is not coldest
        assert ask(connections, there.url) is warmest
    assert there.connections == 2


def test_one_host_is_not_asked_over_the_connection_of_another(there: Receiver) -> None:
    with receiver() as elsewhere, closing(kept()) as connections:
        there_first, elsewhere_first = ask(connections, there.url), ask(connections, elsewhere.url)
        assert ask(connections, there.url) is there_first
        assert ask(connections, elsewhere.url) is elsewhere_first


def test_one_that_was_idle_for_too_long_is_ended(there: Receiver) -> None:
    with closing(kept(idle_s=0.0)) as connections:
        first = ask(connections, there.url)
        assert ask(connections, there.url) is not first
        assert first.is_closed()


def test_of_too_many_the_coldest_is_ended(there: Receiver) -> None:
    with closing(kept(most=1)) as connections:
        warmest, coldest = ask_at_once(connections, there.url)
        assert coldest.is_closed()
        assert not warmest.is_closed()


def test_one_whose_exchange_broke_off_is_not_kept(there: Receiver) -> None:
    with closing(kept()) as connections:
        with pytest.raises(RuntimeError), connections.borrowed(httpcore.URL(there.url).origin) as connection:
            raise RuntimeError
        assert ask(connections, there.url) is not connection


def test_none_is_left_open(there: Receiver) -> None:
    connections = kept()
    opened = ask_at_once(connections, there.url)
    connections.close()
    assert all(connection.is_closed() for connection in opened)


def test_one_that_is_given_back_after_the_end_is_ended(there: Receiver) -> None:
    connections = kept()
    with connections.borrowed(httpcore.URL(there.url).origin) as connection:
        assert connection.request("POST", there.url, content=b"{}").status == 204
        connections.close()
    assert connection.is_closed()
