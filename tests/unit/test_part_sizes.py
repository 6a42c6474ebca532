"""Parts are of one size, and no more than R2 takes, however long the film is."""

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.adapters.s3_storage.upload import MIB, PART_BYTES, PARTS_AT_MOST, part_bytes_of

LARGEST = 5 * 1024**4  # of all objects
LARGEST_PART = 5 * 1024**3


@given(st.integers(min_value=PART_BYTES + 1, max_value=LARGEST))
def test_ten_thousand_parts_suffice_for_any_length(size_bytes: int) -> None:
    part_bytes = part_bytes_of(size_bytes)
    assert -(-size_bytes // part_bytes) <= PARTS_AT_MOST
    assert part_bytes % MIB == 0
    assert PART_BYTES <= part_bytes <= LARGEST_PART
