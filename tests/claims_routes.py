"""Where `integration/test_claims_machine.py` expects a run to be sent: the choice of claim, in plain Python."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence

from orchestrator.domain.model import Placement

Line = tuple[int, str, str]  # weight, release, instance


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
