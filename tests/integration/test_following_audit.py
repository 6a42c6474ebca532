"""Followers and leaders in a broken store: audit finds what is wrong, and everybody comes to an end."""

from collections.abc import Iterator, Mapping

import pytest
from broken_store import carry_out
from following_room import LEASE_S, MADE, POISON, begin, statuses
from record_store import RecordStore, open_store, walk

from orchestrator.domain.retry import GiveUp

# What a hand in the store, or a keeper of an older version, may leave behind, and what audit calls it.
BREAKS: Mapping[str, tuple[str, tuple[str, str, str]]] = {
    "a follower has no place": ("ZREM orch:followers:first second", ("missing", "followers", "second")),
    "a leader knows of no followers": ("HDEL orch:task:first led", ("missing", "followers", "second")),
    "nobody finds the leader": ("DEL orch:content:film-a:c0ffee", ("missing", "content", "first")),
    "a record without its place": ("HDEL orch:task:second place", ("misplaced", "record", "second")),
    "a follower is ready": ("ZADD orch:ready:io:film-a:echo:system.echo 5 second", ("stray", "ready", "second")),
    "a leader follows": ("ZADD orch:followers:first 0 first", ("stray", "followers", "first")),
    "nobody follows": ("ZADD orch:followers:first 0 gone", ("orphan", "followers", "gone")),
    "a content of nobody": ("SET orch:content:film-a:bad gone", ("orphan", "content", "gone")),
    "a content of another": ("SET orch:content:film-a:bad first", ("orphan", "content", "first")),
}


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        opened.tick(LEASE_S)
        yield opened


class TestAudit:
    @pytest.mark.parametrize("broken", BREAKS)
    def test_what_was_broken_is_mended_and_all_come_to_their_end(self, store: RecordStore, broken: str) -> None:
        command, expected = BREAKS[broken]
        begin(store, "first", "second")
        carry_out(store, command)
        assert expected in walk(store)
        assert walk(store) == set()
        store.tick(LEASE_S)
        store.claims.finish(store.claim_one(), MADE)
        assert statuses(store, "first", "second") == ["succeeded", "succeeded"]
        assert walk(store) == set()

    @pytest.mark.parametrize(
        ("ending", "status"),
        [("succeeded", "succeeded"), ("failed", "failed"), ("canceled", "queued"), ("gone", "queued")],
    )
    def test_a_follower_that_was_not_told_of_the_end_is_found(
        self, store: RecordStore, ending: str, status: str
    ) -> None:
        """The script of an older version ends a leader and tells nobody."""
        run = begin(store, "first", "second")
        carry_out(store, "HDEL orch:task:first led")
        if ending == "succeeded":
            store.claims.finish(run, MADE)
        elif ending == "failed":
            store.claims.fail(run, POISON, decision=GiveUp())
        else:
            store.intake.cancel("film-a", "first")
            store.claims.stop(run)
        if ending == "gone":
            carry_out(store, "DEL orch:task:first")
        assert ("misplaced", "record", "second") in walk(store)
        assert walk(store) == set()
        assert store.task("second").status.value == status
        assert [run.task.id for run in store.claim(count=5).runs] == (["second"] if status == "queued" else [])
