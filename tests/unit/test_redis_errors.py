"""Every exception that redis-py has, and every way a real server is away, has a meaning."""

import inspect
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
import servers
from redis import exceptions as foreign

from orchestrator.adapters.redis.connection import API, Profile, connect, redis_errors, translate
from orchestrator.domain.errors import OrchestratorError, OutcomeUnknown, Overloaded, Refused, Unavailable
from orchestrator.local.loopback import pick_ports

# Each name below was looked at: may the command have been carried out, may another try succeed?
MEANINGS: dict[type[OrchestratorError], frozenset[str]] = {
    OutcomeUnknown: frozenset({"ConnectionError", "MaxConnectionsError", "TimeoutError"}),
    Overloaded: frozenset(
        {"BusyLoadingError", "MasterDownError", "OutOfMemoryError", "ReadOnlyError", "TryAgainError"}
    ),
    Refused: frozenset({
        "AskError", "AuthenticationError", "AuthenticationWrongNumberOfArgsError", "AuthorizationError",
        "ClusterCrossSlotError", "ClusterDownError", "ClusterError", "DataError", "ExecAbortError",
        "ExternalAuthProviderError", "InvalidResponse", "LockError", "LockNotOwnedError", "ModuleError", "MovedError",
        "NoPermissionError", "NoScriptError", "NoSuchFieldsetError", "PubSubError", "RedisError", "ResponseError",
        "WatchError",
    }),
}  # fmt: skip
# Raised by parts of redis-py that are not used here: its cluster client, and its checks of our own program.
OTHERS = {
    "ChildDeadlockedError", "CrossSlotTransactionError", "IncorrectPolicyType", "InvalidPipelineStack",
    "RedisClusterException", "SlotNotCoveredError",
}  # fmt: skip
NAMED = [(name, meaning) for meaning, names in MEANINGS.items() for name in sorted(names)]

# What a server says, where redis-py has no class of its own for it.
ANSWERS: list[tuple[str, type[OrchestratorError]]] = [
    ("MISCONF Valkey is configured to save RDB snapshots, but it's currently unable to persist", Overloaded),
    ("NOREPLICAS Not enough good replicas to write.", Overloaded),
    ("BUSY Valkey is busy running a script.", Overloaded),
    ("OOM command not allowed when used memory > 'maxmemory'.", Overloaded),
    ("WRONGTYPE Operation against a key holding the wrong kind of value", Refused),
    ("ERR unknown command", Refused),
]


def exception_classes() -> dict[str, type[Exception]]:
    found = inspect.getmembers(foreign, inspect.isclass)
    return {name: kind for name, kind in found if issubclass(kind, Exception) and kind.__module__ == foreign.__name__}


def test_every_exception_class_was_looked_at() -> None:
    assert exception_classes().keys() == frozenset().union(*MEANINGS.values()) | OTHERS


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_the_others_are_no_redis_errors(name: str) -> None:
    assert not issubclass(exception_classes()[name], foreign.RedisError)


@pytest.mark.parametrize(("name", "meaning"), NAMED)
def test_every_exception_class_has_its_meaning(name: str, meaning: type[OrchestratorError]) -> None:
    kind = exception_classes()[name]
    error = kind("12182 10.0.0.1:6379") if name in {"AskError", "MovedError"} else kind("their words")
    assert isinstance(error, foreign.RedisError)
    ours = translate(error)
    assert type(ours) is meaning
    assert "their words" not in str(ours)


@pytest.mark.parametrize(("answer", "meaning"), ANSWERS)
def test_an_answer_without_a_class_has_its_meaning(answer: str, meaning: type[OrchestratorError]) -> None:
    assert type(translate(foreign.ResponseError(answer))) is meaning


def test_the_foreign_error_stays_as_the_cause() -> None:
    error = foreign.ResponseError("ERR their words")
    with pytest.raises(Refused) as caught, redis_errors():
        raise error
    assert caught.value.__cause__ is error


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Valkey]:
    """A server of this module's own, to be frozen and killed."""
    with servers.valkey(tmp_path_factory.mktemp("mortal")) as server:
        yield server


@pytest.fixture
def frozen(mortal: servers.Valkey) -> Iterator[Callable[[], None]]:
    """Freezes the server when called."""
    yield lambda: os.kill(mortal.process.pid, signal.SIGSTOP)
    os.kill(mortal.process.pid, signal.SIGCONT)


class TestRealServer:
    def test_nobody_there_means_that_nothing_was_sent(self) -> None:
        url = f"redis://127.0.0.1:{pick_ports(1)[0]}/0"
        with closing(connect(url, API)) as client, pytest.raises(Unavailable) as caught, redis_errors():
            client.ping()
        assert type(caught.value) is Unavailable

    def test_a_frozen_server_leaves_the_outcome_open(self, mortal: servers.Valkey, frozen: Callable[[], None]) -> None:
        impatient = Profile(connect_s=1, read_s=0.2, retries=0)
        with closing(connect(mortal.url, impatient)) as client:
            client.ping()
            frozen()
            with pytest.raises(OutcomeUnknown), redis_errors():
                client.set("k", "v")

    def test_a_wrong_password_is_refused(self, mortal: servers.Valkey) -> None:
        url = mortal.url.replace("redis://", "redis://someone:wrong@")
        with closing(connect(url, API)) as client, pytest.raises(Refused), redis_errors():
            client.ping()
