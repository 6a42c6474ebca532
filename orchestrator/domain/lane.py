"""The lanes: `video`, `video@film-a` for the tasks of a pool, and `.solo` behind either for what must run alone."""

import re
from collections.abc import Callable, Mapping

from orchestrator.domain.errors import InvalidParams

# How many tasks one child of a lane runs at once.
LANE_SLOTS: Mapping[str, int] = {"image": 8, "video": 1, "audio": 4, "io": 16}
SOLO = ".solo"
POOL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


def pool_lane(lane: str, pool: str | None) -> str:
    """The lane of those tasks of ``lane`` whose project is pinned to ``pool``; None is the pool of everybody else."""
    return f"{lane}@{pool}" if pool else lane


def parse_lane(text: str) -> tuple[str, str | None]:
    """The lane as task types name it, and the pool; of `video` and of `video@film-a`.

    Raises:
        InvalidParams: the name of a pool is 1 to 40 characters of a-z, 0-9 and '-'.
    """
    lane, at, pool = text.partition("@")
    if at and not POOL.fullmatch(pool):
        raise InvalidParams("a pool is named by 1 to 40 characters of a-z, 0-9 and '-'")
    return lane, pool or None


def label_lane(lane: str, label_pool: Callable[[str], str]) -> str:
    """The lane with the name of its pool as ``label_pool`` has it."""
    shared, at, rest = lane.partition("@")
    pool = rest.removesuffix(SOLO)
    return f"{shared}@{label_pool(pool)}{rest.removeprefix(pool)}" if at else lane


def solo_lane(lane: str) -> str:
    """The lane of those tasks of ``lane`` that have crashed: each runs in a child that carries nothing else."""
    return lane + SOLO


def is_solo(lane: str) -> bool:
    return lane.endswith(SOLO)
