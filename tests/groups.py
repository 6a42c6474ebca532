"""Which tests run in one process after another when `make test` has several: those that share servers slow to start.

All others stay together file by file.
"""

from xdist.scheduler import LoadScopeScheduling

# Beginnings of test ids. The longest groups come first, so that none of them is left to the end.
GROUPS: dict[str, tuple[str, ...]] = {
    "proxied node": (
        "tests/chaos/test_broker_faults.py",
        "tests/chaos/test_redis_faults.py",
        "tests/chaos/test_triton_faults.py",
        "tests/chaos/test_storm.py::test_a_storm_of_wire_faults",
    ),
    "stack that is killed": (
        "tests/chaos/test_ledger.py",
        "tests/chaos/test_lost_messages.py",
        "tests/chaos/test_worker_faults.py",
        "tests/chaos/test_storm.py::test_a_storm_of_process_faults",
        "tests/chaos/test_solo.py::test_busy_children",
    ),
    "crashes": (
        "tests/chaos/test_crashes_of_",
        "tests/chaos/test_cancels.py",
        "tests/chaos/test_frozen_worker.py",
        "tests/chaos/test_flood.py",
        "tests/chaos/test_solo.py::test_a_poison_file",
    ),
    "two stacks": ("tests/e2e/test_up.py",),
    "owners": ("tests/chaos/test_owners.py",),
    "stack": ("tests/e2e/",),
    "real models": ("tests/integration/test_real_models.py",),
    "triton": ("tests/contract/test_inference_engine.py", "tests/contract/test_model_control.py"),
}
RANKS = {name: rank for rank, name in enumerate(GROUPS)}


def group_of(test_id: str) -> str:
    """The name of its group; its file, if it is in none of `GROUPS`."""
    return next((name for name, begins in GROUPS.items() if test_id.startswith(begins)), test_id.partition("::")[0])


def rank_of(test_id: str) -> int:
    """Smaller for what is to begin sooner."""
    return RANKS.get(group_of(test_id), len(RANKS))


class GroupScheduling(LoadScopeScheduling):
    """Hands out whole groups: `--dist loadgroup` of pytest-xdist 3.8 does nothing under pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
