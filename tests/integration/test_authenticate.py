"""Who is calling: nearly always known without asking the store, and never for longer than five seconds."""

from collections.abc import Iterator

import pytest
import structlog
from front_door import SECRETS
from key_room import GUESSED_ID, KEY_ID, TEXT, Room
from record_store import open_store

from orchestrator.domain.api_key import EVERY_SCOPE, Scope, render_key
from orchestrator.domain.errors import Unauthorized, Unavailable
from orchestrator.services.projects.authenticate import MOST_ENTRIES

PROMISE_S = 5.0


@pytest.fixture
def room(redis_url: str) -> Iterator[Room]:
    with open_store(redis_url) as store:
        yield Room(store)


def test_a_caller_is_its_project_with_its_limits_and_what_the_scopes_include(room: Room) -> None:
    room.projects.change("film-a", {"weight": 3})
    caller = room.call()
    assert (caller.project.slug, caller.project.weight, caller.key_id) == ("film-a", 3, KEY_ID)
    assert caller.scopes == {Scope.TASKS_WRITE, Scope.TASKS_READ}


def test_a_key_in_use_costs_no_request_a_question(room: Room) -> None:
    room.call()
    for _ in range(100):
        room.pass_time(0.5)
        assert room.door.recall(TEXT) is not None, "answered without waiting"
        room.catch_up()
    assert room.keys.asked <= 1 + 50 / 2


def test_a_hundred_requests_at_the_same_time_put_off_one_question(room: Room) -> None:
    room.call()
    room.catch_up()
    room.pass_time(3)
    for _ in range(100):
        room.call()
    assert len(room.put_off) == 1


@pytest.mark.parametrize("step_s", [0.1, 1.0, 1.9, 2.1, 3.9, 4.1])
def test_a_revoked_key_is_refused_within_five_seconds(room: Room, step_s: float) -> None:
    room.call()
    room.keys.revoke(KEY_ID)
    passed_s = 0.0
    while passed_s + step_s < PROMISE_S:
        room.pass_time(step_s)
        passed_s += step_s
        try:
            room.call()  # nothing that was put off is done: the worst case
        except Unauthorized:
            return
    room.pass_time(PROMISE_S - passed_s)
    with pytest.raises(Unauthorized):
        room.call()


def test_an_expired_key_is_refused_at_once(room: Room) -> None:
    text = room.add(expires_in_s=61, key_id=f"key_{'c' * 26}")
    room.pass_time(60)
    room.call(text)
    room.pass_time(1)
    with pytest.raises(Unauthorized):
        room.call(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "orch_", "key-of-nobody", TEXT[:-1], TEXT + "0", TEXT.upper(), TEXT + "\n", "ö" * 30,
        render_key(KEY_ID, "c" * 48), render_key(GUESSED_ID, "b" * 48),
    ],
)  # fmt: skip
def test_whoever_has_no_key_is_told_so_and_no_more(room: Room, text: str) -> None:
    with pytest.raises(Unauthorized, match=r"^A valid API key is required\.$"):
        room.call(text)


def test_known_and_unknown_ids_take_the_same_way(room: Room) -> None:
    """Both are asked for once, and remembered; then both are compared, in constant time."""
    for text in (render_key(KEY_ID, "c" * 48), render_key(GUESSED_ID, "c" * 48)):
        asked = room.keys.asked
        for _ in range(3):
            with pytest.raises(Unauthorized):
                room.call(text)
        assert room.keys.asked == asked + 1


def test_who_guesses_ids_pushes_nobody_out(room: Room) -> None:
    room.call()
    for number in range(MOST_ENTRIES + 1):
        with pytest.raises(Unauthorized):
            room.call(render_key(f"key_{number:026d}", "b" * 48))
    assert room.door.recall(TEXT) is not None
    assert len(room.door._entries) <= MOST_ENTRIES


def test_the_admin_of_the_environment_may_do_everything_in_its_project(room: Room) -> None:
    caller = room.call(SECRETS.admin_key)
    assert (caller.project.slug, caller.key_id, caller.scopes) == ("studio", "admin", EVERY_SCOPE)
    assert room.projects.get("studio") == caller.project, "it is made when it is first used"


def test_use_is_noted_behind_the_requests_and_at_most_once_a_minute(room: Room) -> None:
    for _ in range(60):
        room.call()
        room.catch_up()
        room.pass_time(1)
    assert room.keys.touched == 1
    assert room.keys.list("film-a")[0].last_used_at_ms


def test_while_the_store_is_away_keys_are_known_for_a_moment_and_then_nobody_is_let_in(room: Room) -> None:
    room.call()
    room.keys.is_away = True
    room.pass_time(3)
    with structlog.testing.capture_logs() as lines:
        room.call()
        room.catch_up()
    assert ("key.not_refreshed", KEY_ID) in [(line["event"], line.get("key_id")) for line in lines]
    room.pass_time(2)
    with pytest.raises(Unavailable):
        room.call()


def test_neither_the_store_nor_the_log_learns_the_text_of_a_key(room: Room) -> None:
    with structlog.testing.capture_logs() as lines:
        caller = room.call()
        room.catch_up()
    assert TEXT.rpartition("_")[2] not in room.store.dump() + repr(lines) + repr(caller) + repr(vars(room.door))
