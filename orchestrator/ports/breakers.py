"""Circuit breakers: whoever calls a dependency asks first, and says afterwards how it went."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from orchestrator.domain.breaker import Breaker, DependencyOpen, Outcome, Permit, judge
from orchestrator.domain.errors import OrchestratorError


class Breakers(Protocol):
    """One for each dependency (`r2`, `payload`, `triton`, `triton:<instance>`, `webhook:<host>`), of all processes.

    A store that is away changes nothing: what was so stays so.
    """

    def allow(self, dependency: str) -> Permit:
        """Leave for one call. It costs no round trip but a few times a second.

        Of one that is half-open a single caller at a time gets leave, and ten seconds to say how it went.

        Raises:
            DependencyOpen: it is away; nothing was tried.
        """
        ...

    def report(self, permit: Permit, outcome: Outcome) -> bool:
        """How the call went; whether the dependency may be called, as far as is known now.

        It opens when half of ten or more calls failed within ten to twenty seconds, or one was denied: for 5 s first,
        and twice as long each time in a row, up to a minute. Success of the one call that finds out closes it. Other
        calls, which began earlier, are not heard meanwhile.
        """
        ...

    def look(self, dependency: str) -> Breaker:
        """How it is now.

        Raises:
            Unavailable: the store cannot be asked.
        """
        ...

    def list(self) -> tuple[Breaker, ...]:
        """All that are not closed, by name. One that nobody has tried for ten minutes after its time is closed here.

        Raises:
            Unavailable: the store cannot be asked.
        """
        ...

    def check(self) -> None:
        """Return when none of them is open.

        Raises:
            Away: it names those of tasks and of the CMS, and why; of webhooks it tells how many.
        """
        ...


@contextmanager
def passing(breakers: Breakers, dependency: str) -> Iterator[None]:
    """A call of ``dependency``, or several that are one to who makes them.

    Raises:
        DependencyOpen: it is away: nothing was tried, or the call failed and it is known now.
    """
    with reporting(breakers, breakers.allow(dependency)):
        yield


@contextmanager
def reporting(breakers: Breakers, permit: Permit) -> Iterator[None]:
    """The end of the call that has ``permit``.

    Raises:
        DependencyOpen: the call failed, and it is known now that the dependency is away.
    """
    try:
        yield
    except OrchestratorError as error:
        outcome = judge(error)
        if not breakers.report(permit, outcome) and outcome in {Outcome.FAILED, Outcome.DENIED}:
            raise DependencyOpen(permit.dependency) from error
        raise
    except BaseException:
        breakers.report(permit, Outcome.UNKNOWN)
        raise
    else:
        breakers.report(permit, Outcome.WELL)
