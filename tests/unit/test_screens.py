"""What people see of a stack."""

import io
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console

from orchestrator.local.runner import PartView, State
from orchestrator.local.screens import PlainLines, Welcome, build_table, open_screen

STARTING = PartView("s3", State.STARTING, 7, 0, 1.0, "no [put] yet")
READY = replace(STARTING, state=State.READY, note="")


def printed(*rounds: Sequence[PartView]) -> str:
    """What a log would hold after these views."""
    out = io.StringIO()
    console = Console(file=out, width=40)
    with open_screen(console) as screen:
        assert isinstance(screen, PlainLines)
        for views in rounds:
            screen(views)
    return out.getvalue()


def test_a_log_gets_one_line_per_change() -> None:
    lines = printed([STARTING], [STARTING], [READY], [READY]).splitlines()
    assert len(lines) == 2
    assert lines[0] == "s3 is starting: no [put] yet"
    assert lines[1].startswith("s3 is ready after ")


def test_a_part_that_has_not_begun_is_not_worth_a_line() -> None:
    assert printed([replace(STARTING, state=State.WAITING)]) == ""


def test_the_welcome_is_said_once_when_all_are_ready_and_is_never_wrapped() -> None:
    out = io.StringIO()
    text = "ready: http://127.0.0.1:12345/a/long/address [state]"
    welcome = Welcome(Console(file=out, width=20), text)
    welcome([READY, STARTING])
    assert out.getvalue() == ""
    welcome([READY, READY])
    welcome([READY, READY])
    assert out.getvalue() == f"{text}\n"


def test_the_table_shows_state_process_restarts_and_what_is_slow() -> None:
    out = io.StringIO()
    Console(file=out, width=120).print(build_table([replace(STARTING, restarts=3)]))
    row = out.getvalue().splitlines()[1].split()
    assert row[:3] == ["s3", "starting", "7"]
    assert row[-4:] == ["3", "no", "[put]", "yet"]


def test_a_terminal_gets_a_table_that_is_redrawn_in_place() -> None:
    out = io.StringIO()
    with open_screen(Console(file=out, width=80, force_terminal=True)) as screen:
        screen([STARTING])
        screen([READY])
    assert "starting" in out.getvalue()
    assert "\x1b[1A" in out.getvalue(), "moves the cursor up to draw over what it drew before"
