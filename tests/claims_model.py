"""What the state machine of `integration/test_claims_machine.py` expects of the record, kept in plain Python."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.domain.errors import Category
from orchestrator.domain.lane import pool_lane, solo_lane
from orchestrator.domain.retry import POLICIES, Again, Decision
from orchestrator.domain.task import HEAD_START_MS, NewTask, Run, Status, Task


@dataclass
class Known:
    """One task as it should be. ``pools`` of pinned projects and ``served`` versions of models are those of now."""

    new: NewTask
    rank: int
    pools: Mapping[str, str]
    served: Mapping[str, str]
    start_by_ms: int | None = None
    status: Status = Status.QUEUED
    generation: int = 1
    epoch: int = 0
    tries: dict[Category, int] = field(default_factory=dict)
    due_ms: int | None = None
    lease_ends_ms: int = 0
    is_canceling: bool = False
    has_beaten: bool = False
    run: Run | None = None
    past_runs: list[tuple[Run, str]] = field(default_factory=list)  # with the word of what ended each
    leader: "Known | None" = None
    followers: list["Known"] = field(default_factory=list)
    contents: dict[tuple[str, str], "Known"] = field(default_factory=dict)  # whom to follow, the same for all
    versions: str = ""  # what served its run, if its work may be shared

    @property
    def is_following(self) -> bool:
        return self.leader is not None and not self.status.is_terminal

    @property
    def is_ready(self) -> bool:
        return self.status is Status.QUEUED and self.due_ms is None and not self.is_following

    @property
    def waits_in(self) -> str:
        """In the lane of its project's pool; once crashed, where each runs alone, until it has ended."""
        lane = pool_lane(self.new.lane, self.pools.get(self.new.project))
        return solo_lane(lane) if Category.CRASH in self.tries else lane

    def is_late(self, now_ms: int) -> bool:
        return self.start_by_ms is not None and self.start_by_ms <= now_ms

    def claimed(self, run: Run, *, lease_ends_ms: int) -> None:
        assert self.is_ready
        assert run.epoch == self.epoch + 1, "epochs grow by one with every run"
        self.status, self.epoch, self.run, self.has_beaten = Status.RUNNING, run.epoch, run, False
        self.lease_ends_ms, self.start_by_ms = lease_ends_ms, None
        self.versions = self._served_now()
        self._take_along()

    def queued(self, how: str, *, due_ms: int | None = None) -> None:
        """The run is over and the task is tried again, unless its cancel was requested."""
        if self.is_canceling:
            self.ended(Status.CANCELED, how)
        else:
            self._forget_run(how)
            self.status, self.due_ms = Status.QUEUED, due_ms
            self._take_along()

    def ended(self, status: Status, how: str, *, is_own: bool = False) -> None:
        """``is_own``: for what concerns nobody who follows it."""
        if how == "finish":
            self.versions = self.versions or self._served_now()
            self.versions = self.versions if self.versions == self._served_now() else "exchanged"
        self._forget_run(how)
        self.status, self.due_ms, self.start_by_ms = status, None, None
        if self.leader is not None and self in self.leader.followers:
            self.leader.followers.remove(self)
        elif self.contents.get(self.content) is self and status is not Status.SUCCEEDED:
            del self.contents[self.content]
        ends_alike = status is Status.SUCCEEDED or (status is Status.FAILED and not is_own)
        for known in list(self.followers) if ends_alike else ():
            known.ended(status, "share")
        if self.followers:
            self._hand_over(*self.followers)

    def entered(self) -> None:
        """Queued for the first time in its generation: beside the one that does the same, or to be followed."""
        leader = self.contents.get(self.content)
        if not self.new.content:
            return
        if leader is None or not leader.may_lead:
            self.contents[self.content] = self
            return
        self._follow(leader)
        if leader.status is Status.SUCCEEDED:
            self.ended(Status.SUCCEEDED, "share")
        leader._take_along()

    @property
    def may_lead(self) -> bool:
        """Its work is not done with other versions than those that serve now, and nobody stops it."""
        if self.versions not in {"", self._served_now()}:
            return False
        return self.status is Status.SUCCEEDED or not self.is_canceling

    @property
    def content(self) -> tuple[str, str]:
        return self.new.project, self.new.content

    def failed(self, category: Category, decision: Decision, *, now_ms: int) -> None:
        if not isinstance(decision, Again) or decision.counts:
            self._count_try(category)
        if isinstance(decision, Again):
            self.queued("fail", due_ms=now_ms + int(decision.after_s * 1000))
        else:
            self.ended(Status.CANCELED if self.is_canceling else Status.FAILED, "fail")

    def lost(self, *, now_ms: int) -> None:
        """The lease lapsed, or the owner is dead."""
        if self.has_beaten:
            self._count_try(Category.CRASH)
            self.rank = now_ms
        is_spent = self.has_beaten and self.tries[Category.CRASH] >= POLICIES[Category.CRASH].tries
        if is_spent and not self.is_canceling:
            self.ended(Status.FAILED, "lapse")
        else:
            self.queued("lapse")

    def resubmitted(self, *, now_ms: int) -> None:
        self.status, self.generation, self.tries = Status.QUEUED, self.generation + 1, {}
        self.rank, self.is_canceling, self.leader = rank_of(self.new, now_ms=now_ms), False, None
        self.entered()

    def passed_time(self, now_ms: int, *, in_grace: bool) -> None:
        """What the keeper must have done by the end of its tick."""
        if self.run and self.lease_ends_ms <= now_ms and not in_grace:
            self.lost(now_ms=now_ms)
        elif self.due_ms is not None and self.due_ms <= now_ms:
            self.due_ms = None
        elif self.is_late(now_ms):
            self.ended(Status.FAILED, "expire", is_own=True)

    def assert_is(self, task: Task) -> None:
        assert (task.status, task.generation, task.epoch) == (self.status, self.generation, self.epoch)
        assert task.delayed_until_ms == self.due_ms
        assert task.is_canceling == (self.is_canceling and self.status is Status.RUNNING)
        assert not self.is_following or task.follows == (self.leader and self.leader.new.id)
        assert task.tries == self.tries
        assert all(tries <= POLICIES[category].tries for category, tries in task.tries.items())

    def _served_now(self) -> str:
        return self.served.get(self.new.model, "") if self.new.content else ""

    def _follow(self, leader: "Known") -> None:
        self.leader = leader
        leader.followers = sorted([*leader.followers, self], key=lambda known: known.new.id)
        if Category.CRASH not in leader.tries:
            leader.rank = min(leader.rank, self.rank)

    def _take_along(self) -> None:
        for known in self.followers:
            known.status = self.status
            known.start_by_ms = None if self.run else known.start_by_ms

    def _hand_over(self, heir: "Known", *others: "Known") -> None:
        heir.leader, self.followers = None, []
        heir.tries |= self.tries
        heir.rank = self.rank if Category.CRASH in self.tries else heir.rank
        self.contents[self.content] = heir
        for known in others:
            known._follow(heir)
        heir.status = Status.QUEUED
        heir._take_along()

    def _count_try(self, category: Category) -> None:
        self.tries[category] = self.tries.get(category, 0) + 1

    def _forget_run(self, how: str) -> None:
        if self.run is not None:
            self.past_runs.append((self.run, how))
        self.run = None


def rank_of(new: NewTask, *, now_ms: int) -> int:
    return now_ms - HEAD_START_MS[new.priority]
