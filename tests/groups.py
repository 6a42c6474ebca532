"""Which tests run in one process after another when `make test` has several: those that share servers slow to start.

All others stay together file by file.
"""

from xdist.scheduler import LoadScopeScheduling

# Beginnings of test ids. The longest groups come first, so that none of them is left to the end.
GROUPS: dict[str, tuple[str, ...]] = {
    "chaos": ("tests/chaos/",),  # one at a time: their bounds are seconds, and two of them would take each other's
    "two stacks": ("tests/e2e/test_up.py",),
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
