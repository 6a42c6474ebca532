"""Lanes by name: `video`, `video@film-a` for the tasks of a pool, and `.solo` behind either for what must run alone."""

SOLO = ".solo"


def pool_lane(lane: str, pool: str | None) -> str:
    """The lane of those tasks of ``lane`` whose project is pinned to ``pool``; None is the pool of everybody else."""
    return f"{lane}@{pool}" if pool else lane


def solo_lane(lane: str) -> str:
    """The lane of those tasks of ``lane`` that have crashed: each runs in a child that carries nothing else."""
    return lane + SOLO


def is_solo(lane: str) -> bool:
    return lane.endswith(SOLO)
