"""Every n-th command is sent twice, as redis-py does after a lost reply: the same answer, and no second effect."""

from collections.abc import Mapping
from typing import Any

from record_store import is_unchanged, read_all

from orchestrator.adapters.redis.client import RedisClient
from orchestrator.adapters.redis.scripts import Scripts

SAME = {"repeated": "ok", "replayed": "created"}  # words that tell a caller the same

# They answer what this call has done, which is nothing when it had been done before. Nobody repeats `resubmit` on our
# side (the profile of the api has no retry), and to a client's own repeat "changed" is an honest answer.
OF_TASKS = {"reconcile", "reap", "purge", "resubmit", "resume"}
OF_DELIVERIES = {"conclude_deliveries", "leave_delivery", "wake_deliveries"}  # the claim is over: that is only logged
ANSWERS_CHANGE = OF_TASKS | OF_DELIVERIES
GOES_ON = {"audit"}  # each call is the next step of a walk


class RepeatedScripts(Scripts):
    """Scripts on a connection that loses replies."""

    def __init__(self, client: RedisClient, *, now_ms: int) -> None:
        super().__init__(client, now_ms=now_ms)
        self.lost_every = 0
        self._sent = 0

    def run(self, name: str, given: Mapping[str, object]) -> Any:  # noqa: ANN401 - each script has its own shape
        answer = super().run(name, given)
        self._sent += 1
        if self.lost_every and self._sent % self.lost_every == 0 and name not in GOES_ON:
            before = read_all(self.client)
            again = super().run(name, given)
            assert is_unchanged(before, read_all(self.client)), f"{name}, sent again, did something else"
            assert name in ANSWERS_CHANGE or _words(again) == _words(answer), f"{name}, sent again, answered otherwise"
        return answer


def _words(answer: object) -> list[str]:
    """Everything an answer says; the fields of a record come in no particular order."""
    if isinstance(answer, list):
        return sorted(word for part in answer for word in _words(part))
    return [SAME.get(str(answer), str(answer))]
