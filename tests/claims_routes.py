"""Where `integration/test_claims_machine.py` expects a run to be sent: the choice of claim, in plain Python."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from hypothesis import strategies as st

from orchestrator.domain.model import Placement

Line = tuple[int, str, str]  # weight, release, instance
Served = Mapping[str, Sequence[Line]]

SERVED = [
    [],
    [(1, "{}", "gpu:1")],
    [(90, "{}@1", "gpu:1"), (10, "{}@2", "gpu:1"), (90, "{}@1", "gpu:2"), (10, "{}@2", "gpu:2")],
    [(0, "{}", "gpu:1"), (5, "{}@2", "gpu:2"), (5, "{}@3", "gpu:1")],
]
MODELS = ("echo", "other")
SERVING = st.fixed_dictionaries({model: st.sampled_from(SERVED) for model in MODELS})


def lines_of(served: Served) -> Served:
    """With the names of the models filled in."""
    return {
        model: [(weight, release.format(model), instance) for weight, release, instance in lines]
        for model, lines in served.items()
        if lines
    }


def commands_of(serving: Served, held_back: Iterable[str]) -> Iterator[Sequence[str]]:
    """What owners write, in the place of what they wrote before."""
    yield "DEL", "orch:held_back", *(f"orch:serving:{model}" for model in MODELS)
    for model in held_back:
        yield "SADD", "orch:held_back", model
    for model, lines in serving.items():
        yield "SET", f"orch:serving:{model}", "\n".join(" ".join(map(str, line)) for line in lines)


def expected_placement(lines: Sequence[Line], task_id: str, *, pins: Iterable[Placement]) -> Placement | None:
    """By weight and the task's id, then by the fewest pins."""
    weights = {release: weight for weight, release, _ in lines}
    point = int(hashlib.sha1(task_id.encode(), usedforsecurity=False).hexdigest()[:8], 16) / 2**32
    point *= sum(weights.values())
    for release, weight in sorted(weights.items()):
        point -= weight
        if point < 0:
            held = Counter(pins)
            instances = [instance for _, name, instance in lines if name == release]
            return min((Placement(release, instance) for instance in instances), key=lambda place: held[place])
    return None
