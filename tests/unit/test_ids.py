"""Ids are unique, plain, and sort by the time of their making."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.adapters.sortable_ids import new_id
from orchestrator.domain.ids import ENTROPY_BYTES, sortable_id

times = st.integers(0, 2**48 - 1)
entropies = st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES)


@given(times, times, entropies, entropies)
def test_a_later_millisecond_sorts_later(first_ms: int, second_ms: int, one: bytes, other: bytes) -> None:
    first, second = (
        sortable_id("task", at_ms=first_ms, entropy=one),
        sortable_id("task", at_ms=second_ms, entropy=other),
    )
    assert len(first) == len(second)
    if first_ms != second_ms:
        assert (first < second) == (first_ms < second_ms)


def test_an_id_fits_keys_urls_and_label_values() -> None:
    assert re.fullmatch(r"task_[0-9a-z]{26}", new_id("task"))


def test_ten_thousand_ids_of_one_moment_differ() -> None:
    assert len({new_id("task") for _ in range(10_000)}) == 10_000


def test_too_little_entropy_is_refused() -> None:
    with pytest.raises(ValueError, match="10 bytes"):
        sortable_id("task", at_ms=0, entropy=b"short")
