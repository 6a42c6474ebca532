"""Readiness: in parallel, capped, cached, and never piling up on a check that hangs."""

import threading
from collections.abc import Callable

from orchestrator.api.health import Readiness
from orchestrator.domain.errors import Category, Unavailable


def fine() -> None:
    """A dependency that is fit."""


def away() -> None:
    raise Unavailable("the store cannot be reached", service="redis", category=Category.NETWORK)


def broken() -> None:
    raise ZeroDivisionError("of a library, with a secret in it")


def test_ready_when_every_check_is() -> None:
    assert Readiness({"redis": fine, "storage": fine}).view().status == "ready"


def test_one_unfit_dependency_is_enough_and_is_named() -> None:
    view = Readiness({"redis": away, "storage": fine}).view()
    assert view.status == "not_ready"
    assert (view.checks["redis"].ok, view.checks["redis"].detail) == (False, "the store cannot be reached")
    assert view.checks["storage"].ok


def test_foreign_words_stay_inside() -> None:
    assert Readiness({"triton": broken}).view().checks["triton"].detail == "the check failed"


def test_checks_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=1.5)

    def meet() -> None:
        meeting.wait()

    assert Readiness({"redis": meet, "storage": meet}).view().status == "ready"


def test_a_hanging_check_is_reported_and_not_started_again() -> None:
    release = threading.Event()
    starts: list[None] = []

    def hang() -> None:
        starts.append(None)
        release.wait(30)

    readiness = Readiness({"storage": hang, "redis": fine}, cap_s=0.05, fresh_s=0.0)
    try:
        for _ in range(3):
            view = readiness.view()
            assert view.checks["storage"].detail == "no answer within 0.05 s"
            assert view.checks["redis"].ok
        assert len(starts) == 1
    finally:
        release.set()


def _counting(calls: list[None]) -> Callable[[], None]:
    return lambda: calls.append(None)


def test_an_answer_is_reused_while_it_is_fresh() -> None:
    reused: list[None] = []
    asked_again: list[None] = []
    patient = Readiness({"redis": _counting(reused)}, fresh_s=60)
    eager = Readiness({"redis": _counting(asked_again)}, fresh_s=0)
    for _ in range(3):
        patient.view()
        eager.view()
    assert (len(reused), len(asked_again)) == (1, 3)


def test_advice_is_said_and_makes_nobody_unfit() -> None:
    view = Readiness({"redis": fine}, advice={"workers": away, "clocks": fine}).view()
    assert (view.status, set(view.checks), view.warnings) == (
        "ready",
        {"redis"},
        {"workers": "the store cannot be reached"},
    )
