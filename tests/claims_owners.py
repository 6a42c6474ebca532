"""What owners, operators and swaps say in `integration/test_claims_machine.py`, and what may be asked because of it."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from claims_routes import Line
from hypothesis import strategies as st
from record_store import RecordStore

from orchestrator.adapters.redis.residency import RedisResidency
from orchestrator.domain.model import Instance, Release, Resident, ResidentState

MODELS = ("echo", "other")
INSTANCES = ("gpu:1", "gpu:2")
RELEASES = ("echo", "echo@1", "echo@2", "other", "other@1")
ROUTES: tuple[dict[str, int], ...] = (
    {},
    {"": 100},
    {"": 90, "@1": 10},
    {"@1": 50, "@2": 50},
    {"": 0, "@1": 100},
)
READY = ResidentState.READY
STATES = st.sampled_from([READY, READY, READY, *ResidentState])
INSTANCE, RELEASE = st.sampled_from(INSTANCES), st.sampled_from(RELEASES)
NAME = st.sampled_from(sorted({*RELEASES, *MODELS}))
MOVE = st.one_of(
    st.tuples(st.just("note"), INSTANCE, st.builds(Resident, RELEASE, STATES, st.sampled_from(["1", "1", "2"]))),
    st.tuples(st.just("own"), INSTANCE, st.sampled_from([True, True, False])),
    st.tuples(st.just("suspect"), INSTANCE, st.sampled_from(["", "it is slow"])),
    st.tuples(st.sampled_from(["close", "forget"]), INSTANCE, RELEASE),
    st.tuples(st.just("retire"), INSTANCE),
    st.tuples(st.just("route"), st.sampled_from(MODELS), st.sampled_from(ROUTES)),
    st.tuples(st.sampled_from(["want", "dismiss", "settle"]), NAME),
)
READ_ASKED = """
    local found = {serving = {}, served = {}, held_back = redis.call('SMEMBERS', 'orch:held_back'),
        wanted = redis.call('HKEYS', 'orch:wanted'), dismissed = redis.call('SMEMBERS', 'orch:dismissed'),
        instances = redis.call('SMEMBERS', 'orch:instances')}
    for _, model in ipairs(ARGV) do
        found.serving[model] = redis.call('GET', 'orch:serving:' .. model) or ''
        found.served[model] = redis.call('GET', 'orch:served:' .. model) or ''
    end
    return cjson.encode(found)
"""


@dataclass
class Owners:
    """What lies where, noted here and in the store. What may be asked is derived from that anew each time."""

    store: RecordStore
    is_well: dict[str, bool] = field(default_factory=dict)  # of the instances that have an owner
    suspected: set[str] = field(default_factory=set)
    residents: dict[tuple[str, str], tuple[ResidentState, str]] = field(default_factory=dict)
    weights: dict[str, dict[str, int]] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)
    dismissed: set[str] = field(default_factory=set)
    served: dict[str, str] = field(default_factory=dict)  # by model, the marks of what serves, or has served last

    def __post_init__(self) -> None:
        self.residency = RedisResidency(self.store.scripts)

    def say(self, move: str, *given: object) -> None:
        """Any of the moves below."""
        getattr(self, move)(*given)
        for model in MODELS:
            if lines := self.lines(model):
                marks = {self._mark(release, instance) for _, release, instance in lines}
                self.served[model] = " ".join(sorted(marks))

    def note(self, instance: str, resident: Resident) -> None:
        self.residency.note(instance, resident)
        self.residents[instance, resident.release] = resident.state, resident.version

    def own(self, instance: str, is_well: bool) -> None:  # noqa: FBT001 - drawn with the rest
        self.residency.note_instance(Instance(instance, is_well=is_well))
        self.is_well[instance] = is_well

    def suspect(self, instance: str, reason: str) -> None:
        self.residency.suspect(instance, reason)
        if reason and instance in self.is_well:
            self.suspected.add(instance)
        elif instance in self.is_well:
            self.suspected.discard(instance)

    def close(self, instance: str, release: str) -> None:
        self.residency.close(instance, release)
        if (instance, release) in self.residents:
            self.residents[instance, release] = ResidentState.CLOSING, self.residents[instance, release][1]

    def forget(self, instance: str, release: str) -> None:
        self.residency.forget(instance, release)
        self.residents.pop((instance, release), None)

    def retire(self, instance: str) -> None:
        self.residency.retire(instance)
        self.is_well.pop(instance, None)
        self.suspected.discard(instance)
        self.residents = {at: resident for at, resident in self.residents.items() if at[0] != instance}

    def route(self, model: str, weights: dict[str, int]) -> None:
        self.weights[model] = {f"{model}{version}": weight for version, weight in weights.items()}
        self.residency.route(model, self.weights[model])

    def want(self, name: str) -> None:
        self.residency.want(name)
        self.wanted.add(name)
        self.dismissed.discard(name)

    def dismiss(self, name: str) -> None:
        self.residency.dismiss(name)
        self.dismissed.add(name)
        self.wanted.discard(name)

    def settle(self, name: str) -> None:
        self.residency.settle(name)
        self.wanted.discard(name)
        self.dismissed.discard(name)

    def lines(self, model: str) -> list[Line]:
        """What may be asked of the model: ready, on an instance that is well in everybody's eyes, with a weight."""
        able = [each for each, is_well in self.is_well.items() if is_well and each not in self.suspected]
        lines = [
            (weight, release, instance)
            for release, weight in self._routed(model).items()
            for instance in able
            if self._state(instance, release) is READY
        ]
        return sorted(lines, key=lambda line: " ".join(map(str, line)))

    @property
    def held_back(self) -> set[str]:
        """Away, though it will come; one that only fails is asked, and its runs are told why."""
        return {model for model in MODELS if not self.lines(model) and self._is_to_come(model)}

    def heard(self, *, may: Collection[str], must: Collection[str]) -> None:
        """A claim has told the owners for which models, of those that are away, somebody waits."""
        told = set(self._read()["wanted"]) - self.wanted
        assert told <= set(may), f"nobody waits for {told - set(may)}"
        assert set(must) <= self.wanted | told, f"its owner never hears of {set(must) - self.wanted - told}"
        self.wanted |= told
        self.dismissed -= told

    def assert_is_what_is_asked(self) -> None:
        found = self._read()
        for model in MODELS:
            lines = "\n".join(" ".join(map(str, line)) for line in self.lines(model))
            assert found["serving"][model] == lines
            assert found["served"][model] == self.served.get(model, "")
        for name in ("held_back", "wanted", "dismissed"):
            assert set(found[name]) == getattr(self, name), name
        assert set(found["instances"]) == self.is_well.keys()

    def leave(self) -> None:
        """As if there had never been any of it."""
        for model in MODELS:
            self.say("route", model, {})
        for instance in INSTANCES:
            self.say("retire", instance)
        for name in (*RELEASES, *MODELS):
            self.settle(name)
        self.assert_is_what_is_asked()
        self.store.client.delete(*(f"orch:served:{name}" for name in RELEASES))

    def _state(self, instance: str, release: str) -> ResidentState | None:
        resident = self.residents.get((instance, release))
        return resident and resident[0]

    def _routed(self, model: str) -> dict[str, int]:
        weights = self.weights.get(model) or {model: 1}
        return {release: weight for release, weight in weights.items() if weight}

    def _is_to_come(self, model: str) -> bool:
        states = [self._state(instance, release) for release in self._routed(model) for instance in self.is_well]
        there = [state for state in states if state]
        if not there:
            return bool(self.weights.get(model) and self.is_well)
        return any(state is not ResidentState.FAILED for state in there)

    def _mark(self, release: str, instance: str) -> str:
        version = Release.parse(release).version
        return f"@{version}" if version else self.residents[instance, release][1]

    def _read(self) -> Any:  # noqa: ANN401 - of JSON
        return json.loads(self.store.client.eval(READ_ASKED, 0, *MODELS))
