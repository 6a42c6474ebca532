"""What people and owners decide in `integration/test_claims_machine.py`: who works where, and what may run."""

from typing import Any

from claims_owners import MOVE
from claims_room import PAUSABLE, PROJECTS, ClaimsRoom
from hypothesis import strategies as st
from hypothesis.stateful import rule

from orchestrator.domain.pause import Pausable


class OperatedRoom(ClaimsRoom):
    """No task, worker or clock yet."""

    @rule(project=st.sampled_from(PROJECTS), pool=st.sampled_from([None, "stage-1"]))
    def pin(self, project: str, *, pool: str | None) -> None:
        """What waits moves, and what runs comes back to the pool that its project is pinned to by then."""
        self.projects.change(project, {"pool": pool})
        self.pools.pop(project, None)
        self.pools |= {project: pool} if pool else {}

    @rule(moves=st.lists(MOVE, min_size=1, max_size=4), milliseconds=st.sampled_from([0, 500, 1_000]))
    def own(self, moves: list[tuple[Any, ...]], *, milliseconds: int) -> None:
        """Other models may run now, and elsewhere; and a little time, in which no keeper ticks."""
        for move in moves:
            self.owners.say(*move)
        self.store.pass_time(milliseconds)

    @rule(what=st.sampled_from(PAUSABLE), is_resumed=st.booleans())
    def operate(self, what: str, *, is_resumed: bool) -> None:
        """What runs goes on, what waits keeps its place; the claims say that nothing paused is handed out."""
        if is_resumed:
            resumed = self.store.pauses.resume(Pausable.parse(what), as_operator=True)
            assert (resumed.pause is not None) == (what in self.paused)
            self.paused.discard(what)
        else:
            self.store.pauses.pause(Pausable.parse(what), by="key_1", reason="why not", as_operator=True)
            self.paused.add(what)
