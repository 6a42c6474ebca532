"""How a file is cut into parts, and when it is whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.errors import InvalidParams, UploadIncomplete
from orchestrator.domain.upload import MIB, MOST_PARTS, UPLOAD_SIZES, Part, Upload


def upload_of(size_bytes: int) -> Upload:
    part_bytes = UPLOAD_SIZES.part_bytes_of(size_bytes)
    return Upload("upload_1", "film-a", "key", "video/mp4", size_bytes, part_bytes=part_bytes, parts_id="p")


@pytest.mark.parametrize(
    ("size_bytes", "part_bytes"),
    [(1, 0), (100_000_000, 0), (100_000_001, 16 * MIB), (16 * MIB * MOST_PARTS, 16 * MIB), (5 * 1024**4, 525 * MIB)],
)
def test_parts_are_large_enough_to_be_few(size_bytes: int, part_bytes: int) -> None:
    assert UPLOAD_SIZES.part_bytes_of(size_bytes) == part_bytes


@given(st.integers(100_000_001, 5 * 1024**4))
def test_all_parts_but_the_last_are_equal_and_together_they_are_the_file(size_bytes: int) -> None:
    upload = upload_of(size_bytes)
    count = upload.part_count
    assert 1 < count <= MOST_PARTS
    assert 0 < upload.size_of_part(count) <= upload.part_bytes
    assert (count - 1) * upload.size_of_part(1) + upload.size_of_part(count) == size_bytes
    for number in (0, -1, count + 1):
        with pytest.raises(InvalidParams):
            upload.size_of_part(number)


def test_whole_is_every_part_at_its_length() -> None:
    upload = upload_of(120 * MIB)
    whole = tuple(Part(number, upload.size_of_part(number), "etag") for number in range(1, 9))
    upload.require_whole(whole)
    with pytest.raises(UploadIncomplete, match=r"2 of 8 parts are missing, first of all 3, 4"):
        upload.require_whole(whole[:2] + whole[4:])
    with pytest.raises(UploadIncomplete):
        upload.require_whole((*whole[:7], Part(8, 1, "etag")))
