"""Ids from the clock and the randomness of this machine."""

import secrets
import time

from orchestrator.domain.ids import ENTROPY_BYTES, sortable_id


def new_id(kind: str) -> str:
    """A new name for a ``kind`` of thing; nobody else makes the same one."""
    return sortable_id(kind, at_ms=time.time_ns() // 1_000_000, entropy=secrets.token_bytes(ENTROPY_BYTES))
