"""What stands before each dependency: it asks the breaker, and says what came of the call."""

import pytest
from fakes_breakers import FakeBreakers
from fakes_engine import FakeControl, FakeEngine
from fakes_storage import MemoryStorage
from run_room import HandClock

from orchestrator.domain.breaker import R2, TRITON, AccessDenied, BreakerState, DependencyOpen, Outcome, Permit
from orchestrator.domain.errors import Category, InputNotFound, Refused, Unavailable
from orchestrator.pipelines.watched_engine import WatchedEngine
from orchestrator.ports.inference import InferenceServer, Tensors
from orchestrator.ports.storage import ObjectInfo
from orchestrator.wiring.guarded_engine import GuardedControl, GuardedServers, asking
from orchestrator.wiring.guarded_storage import GuardedStorage

AWAY = Unavailable("away", service="triton", category=Category.NETWORK)


class TestGuards:
    @pytest.fixture
    def breakers(self) -> FakeBreakers:
        return FakeBreakers(HandClock())

    def test_an_inference_that_fails_counts(self, breakers: FakeBreakers) -> None:
        engine = WatchedEngine(FakeEngine({"echo": fail_away}), asking(breakers))
        for _ in range(9):
            with pytest.raises(Unavailable):
                engine.submit("echo", {}, outputs=()).result(1)
        with pytest.raises(DependencyOpen):
            engine.submit("echo", {}, outputs=()).result(1)
        with pytest.raises(DependencyOpen):
            engine.submit("echo", {}, outputs=())

    def test_each_server_has_a_breaker_of_its_own(self, breakers: FakeBreakers) -> None:
        inner = {
            "gpu-1": InferenceServer(FakeEngine({"echo": fail_away}), FakeControl({})),
            "gpu-2": InferenceServer(FakeEngine({"echo": lambda _: {}}), FakeControl({})),
        }
        servers = GuardedServers(lambda instance: inner[instance or "gpu-2"], breakers)
        for _ in range(10):
            with pytest.raises(Unavailable):
                servers("gpu-1").engine.submit("echo", {}, outputs=()).result(1)
        with pytest.raises(DependencyOpen):
            servers("gpu-1").engine.submit("echo", {}, outputs=())
        with pytest.raises(DependencyOpen):
            servers("gpu-1").control.index()
        for instance in ("gpu-2", ""):
            assert servers(instance).engine.submit("echo", {}, outputs=()).result(1) == {}
        assert [each.dependency for each in breakers.list()] == ["triton:gpu-1"]

    def test_a_model_that_is_not_loaded_is_no_sign(self, breakers: FakeBreakers) -> None:
        control = GuardedControl(FakeControl({"echo": "UNAVAILABLE"}), breakers)
        assert not any(control.is_ready("echo") for _ in range(20))
        assert breakers.look(TRITON).calls == 0
        control.load("echo")
        assert control.is_ready("echo")
        assert (breakers.look(TRITON).calls, breakers.look(TRITON).failures) == (2, 0)

    def test_while_it_is_away_no_model_is_ready_and_none_is_loaded(self, breakers: FakeBreakers) -> None:
        control = FakeControl({"echo": "READY", "other": "UNAVAILABLE"})
        breakers.report(Permit(TRITON), Outcome.DENIED)
        guarded = GuardedControl(control, breakers)
        assert not guarded.is_ready("echo")
        with pytest.raises(DependencyOpen):
            guarded.load("other")
        assert control.loads == []

    def test_who_may_look_at_the_bucket_has_not_lost_his_credentials(self, breakers: FakeBreakers) -> None:
        storage = GuardedStorage(DenyingStorage(), breakers)
        with pytest.raises(Refused):
            storage.head("key")
        assert breakers.look(R2).state is BreakerState.CLOSED

    def test_what_is_not_there_is_an_answer(self, breakers: FakeBreakers) -> None:
        storage = GuardedStorage(MemoryStorage(), breakers)
        for _ in range(20):
            with pytest.raises(InputNotFound):
                storage.head("key")
        assert breakers.look(R2).failures == 0


class DenyingStorage(MemoryStorage):
    """Lets the bucket be looked at, and no object."""

    def head(self, key: str) -> ObjectInfo:
        raise AccessDenied(key, service="storage")


def fail_away(_inputs: Tensors) -> Tensors:
    raise AWAY
