"""Circuit breakers, what they guard, and how the keeper finds out whether a dependency is back."""

from collections.abc import Callable, Mapping
from functools import partial

from orchestrator.adapters.redis.breakers import RedisBreakers
from orchestrator.adapters.redis.connection import Profile, connect
from orchestrator.adapters.redis.residency import RedisResidency
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.domain.breaker import R2, TRITON, name_triton
from orchestrator.pipelines.registry import NEEDED_BY
from orchestrator.services.residency.check_instances import CheckInstances
from orchestrator.settings import Settings
from orchestrator.wiring.checks import build_instance_checks
from orchestrator.wiring.outside import build_storage

# A store that is away must not hold up the calls that it is asked about: it is not waited for, and nothing is repeated.
QUICK = Profile(connect_s=0.5, read_s=0.5, retries=0)


def build_breakers(settings: Settings) -> RedisBreakers:
    """Of this process; made after the fork."""
    client = connect(settings.redis.url.get_secret_value(), QUICK)
    # With a second store, what takes its input from elsewhere goes on without the first; claim sees to the others.
    needed = {**NEEDED_BY, R2: frozenset[str]()} if settings.fallback.endpoint else NEEDED_BY
    return RedisBreakers(Scripts(client), SystemClock(), types=needed)


def build_probes(settings: Settings) -> Mapping[str, Callable[[], None]]:
    """The cheapest question of each dependency that tasks wait for; unplaced ones wait for the first server."""
    client = connect(settings.redis.url.get_secret_value(), QUICK)
    instances, lives = CheckInstances(RedisResidency(Scripts(client))), build_instance_checks(settings)

    def ask(address: str) -> None:
        """A server that hangs says that it lives; who watches it knows better (ADR 0046)."""
        lives[address]()
        instances.require(address)

    first, *_ = addresses = settings.triton.instances
    of_servers = {name_triton(address): partial(ask, address) for address in addresses}
    return {R2: build_storage(settings).check, TRITON: partial(ask, first), **of_servers}
