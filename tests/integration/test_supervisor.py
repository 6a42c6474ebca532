"""The supervisor with tiny parts: real processes, signals and process groups."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from processes import is_alive, wait_for

from orchestrator.local.part import CannotTell, NotReady, Part
from orchestrator.local.runner import PartView, State
from orchestrator.local.supervisor import PartFailed, Supervisor

ROOT = Path(__file__).resolve().parents[2]
TINY_PART = ROOT / "tests" / "fixtures" / "tiny_part.py"
DEADLINE_S = 30.0

Views = dict[str, PartView]


def tiny(*options: object) -> tuple[str, ...]:
    return (sys.executable, str(TINY_PART), *map(str, options))


def exists(path: Path) -> Callable[[int], None]:
    """A probe that is content when the file is there."""

    def probe(_pid: int) -> None:
        if not path.exists():
            raise NotReady(f"{path.name} is missing")

    return probe


def all_ready(views: Views) -> bool:
    return all(view.state is State.READY for view in views.values())


def run_until(parts: Sequence[Part], logs: Path, *, condition: Callable[[Views], bool]) -> Views:
    """Run the parts until ``condition`` holds; return what they were then."""
    give_up_at = time.monotonic() + DEADLINE_S
    found: list[Views] = []

    def watch(views: Sequence[PartView]) -> None:
        now = {view.name: view for view in views}
        if not found and (condition(now) or time.monotonic() > give_up_at):
            found.append(now)
            supervisor.request_stop()

    supervisor = Supervisor(parts, logs, [watch])
    supervisor.run()
    assert condition(found[0]), f"not within {DEADLINE_S} s: {found}"
    return found[0]


class Killer:
    """Kills a part once, when it is ready; true when the next one is."""

    def __init__(self) -> None:
        self.killed: int | None = None

    def __call__(self, views: Views) -> bool:
        part = views["part"]
        if self.killed is None and part.pid and part.state is State.READY:
            self.killed = part.pid
            os.kill(part.pid, signal.SIGKILL)
        return part.restarts == 1 and part.state is State.READY


class TestStart:
    def test_a_part_starts_when_what_it_needs_answers(self, tmp_path: Path) -> None:
        door, room = tmp_path / "door", tmp_path / "room"
        server = Part("server", tiny("--ready", door), exists(door))
        user = Part("user", tiny("--needs-file", door, "--ready", room), exists(room), needs=frozenset({"server"}))
        views = run_until([user, server], tmp_path, condition=all_ready)
        assert [view.restarts for view in views.values()] == [0, 0]

    def test_a_part_gets_its_own_environment(self, tmp_path: Path) -> None:
        seen = tmp_path / "seen"
        part = Part("part", tiny("--env", "ORCH_X", "--ready", seen), exists(seen), env={"ORCH_X": "y"})
        run_until([part], tmp_path, condition=all_ready)
        assert seen.read_text() == "y"

    def test_what_a_part_waits_for_is_shown(self, tmp_path: Path) -> None:
        part = Part("part", tiny(), exists(tmp_path / "paper"))
        views = run_until([part], tmp_path, condition=lambda views: bool(views["part"].note))
        assert (views["part"].state, views["part"].note) == (State.STARTING, "paper is missing")

    def test_a_death_before_the_first_answer_names_the_part_the_reason_and_the_log(self, tmp_path: Path) -> None:
        good = Part("good", tiny(), lambda _pid: None)
        bad = Part("bad", tiny("--fail-with", "no disk"), exists(tmp_path / "never"))
        with pytest.raises(PartFailed) as failure:
            Supervisor([good, bad], tmp_path).run()
        assert "bad exited with status 3" in str(failure.value)
        assert str(tmp_path / "bad.log") in str(failure.value)
        assert "no disk" in str(failure.value)

    def test_a_missing_program_is_a_failure_with_its_name(self, tmp_path: Path) -> None:
        part = Part("part", ("/no/such/program",), exists(tmp_path / "never"))
        with pytest.raises(PartFailed, match="/no/such/program: No such file"):
            Supervisor([part], tmp_path).run()

    def test_silence_beyond_its_time_is_a_failure_that_says_what_was_missing(self, tmp_path: Path) -> None:
        part = Part("part", tiny(), exists(tmp_path / "paper"), ready_within_s=1)
        with pytest.raises(PartFailed, match="part did not answer within 1 s: paper is missing"):
            Supervisor([part], tmp_path).run()


class TestRestart:
    def test_a_dead_part_comes_back_as_another_process(self, tmp_path: Path) -> None:
        killer = Killer()
        views = run_until([Part("part", tiny(), lambda _pid: None)], tmp_path, condition=killer)
        assert views["part"].pid != killer.killed
        assert not is_alive(killer.killed)

    def test_what_a_dead_part_leaves_behind_is_killed(self, tmp_path: Path) -> None:
        child, orphans = tmp_path / "child", []
        killer = Killer()

        def note_the_child(views: Views) -> bool:
            if killer.killed is None and child.exists():
                orphans.append(int(child.read_text()))
            return killer(views)

        run_until([Part("part", tiny("--child", child), exists(child))], tmp_path, condition=note_the_child)
        assert orphans
        assert not is_alive(orphans[-1])

    def test_pauses_grow_and_five_deaths_in_a_minute_show_as_failing(self, tmp_path: Path) -> None:
        lived = tmp_path / "lived"
        part = Part("part", tiny("--only-once", lived, "--live-s", "0.5"), exists(lived))
        starts: list[float] = []

        def note_starts(views: Views) -> bool:
            since = views["part"].since
            if since and since not in starts:
                starts.append(since)
            return views["part"].restarts == 5

        views = run_until([part], tmp_path, condition=note_starts)
        assert views["part"].state is State.FAILING, "and yet it is restarted"
        pauses = [later - earlier for earlier, later in pairwise(starts)]
        assert all(pause >= least for pause, least in zip(pauses, (0.2, 0.4, 0.8, 1.6, 3.2), strict=True))


class TestSilence:
    def test_a_part_that_falls_silent_is_killed_and_started_again(self, tmp_path: Path) -> None:
        voice = tmp_path / "voice"
        voice.touch()
        part = Part("part", tiny("--deaf"), lambda _pid: None, alive=exists(voice), silent_within_s=0.5)
        first: list[int] = []

        def restarted(views: Views) -> bool:
            view = views["part"]
            if view.state is State.READY and view.pid and not first:
                first.append(view.pid)
                voice.unlink()
            return view.restarts == 1

        run_until([part], tmp_path, condition=restarted)
        assert not is_alive(first[0])

    def test_a_part_is_left_alone_while_nobody_can_tell(self, tmp_path: Path) -> None:
        asked: list[int] = []

        def away(pid: int) -> None:
            asked.append(pid)
            raise CannotTell("the witness is away")

        part = Part("part", tiny(), lambda _pid: None, alive=away, silent_within_s=0.1)
        views = run_until([part], tmp_path, condition=lambda _views: len(asked) == 3)
        assert (views["part"].restarts, views["part"].state) == (0, State.READY)


class TestStop:
    def test_children_of_a_part_go_with_it(self, tmp_path: Path) -> None:
        child, ready = tmp_path / "child", tmp_path / "ready"
        part = Part("part", tiny("--child", child, "--ready", ready), exists(ready))
        views = run_until([part], tmp_path, condition=all_ready)
        assert not is_alive(int(child.read_text()))
        assert not is_alive(views["part"].pid)

    def test_a_part_that_ignores_sigterm_is_killed_after_its_grace(self, tmp_path: Path) -> None:
        ready = tmp_path / "ready"
        part = Part("part", tiny("--deaf", "--ready", ready), exists(ready), stop_grace_s=0.5)
        views = run_until([part], tmp_path, condition=all_ready)
        assert not is_alive(views["part"].pid)

    def test_a_part_outlives_those_that_need_it(self, tmp_path: Path) -> None:
        story, door, room = tmp_path / "story", tmp_path / "door", tmp_path / "room"
        server = Part("server", tiny("--last-word", "server", "--story", story, "--ready", door), exists(door))
        command = tiny("--last-word", "user", "--story", story, "--ready", room)
        user = Part("user", command, exists(room), needs=frozenset({"server"}))
        run_until([server, user], tmp_path, condition=all_ready)
        assert story.read_text() == "user server "

    def test_a_second_request_kills_at_once(self, tmp_path: Path) -> None:
        ready = tmp_path / "ready"
        part = Part("part", tiny("--deaf", "--ready", ready), exists(ready), stop_grace_s=2 * DEADLINE_S)

        def stop_again_and_again(views: Sequence[PartView]) -> None:
            if views[0].state in {State.READY, State.STOPPING}:
                supervisor.request_stop()

        supervisor = Supervisor([part], tmp_path, [stop_again_and_again])
        begun = time.monotonic()
        supervisor.run()
        assert time.monotonic() - begun < DEADLINE_S

    def test_parts_die_with_a_supervisor_that_is_killed(self, tmp_path: Path) -> None:
        ready = tmp_path / "ready"
        script = (
            "import sys, time\n"
            "from pathlib import Path\n"
            "from orchestrator.local.process import Process\n"
            "part = Process(sys.argv[2:], env={}, log=Path(sys.argv[1]))\n"
            "print(part.pid, flush=True)\n"
            "time.sleep(60)"
        )
        command = (sys.executable, "-c", script, str(tmp_path / "log"), *tiny("--deaf", "--ready", ready))
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as supervisor:
            assert supervisor.stdout
            pid = int(supervisor.stdout.readline())
            wait_for(ready.exists)
            supervisor.kill()
        wait_for(lambda: not is_alive(pid))
