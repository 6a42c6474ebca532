"""What the contracts of object storage share: a bucket in its three kinds, a key that is new, a file to store."""

import secrets
from pathlib import Path

import pytest
from storage_room import Bucket, memory_bucket, s3_bucket


@pytest.fixture(params=["fake", "s3", "r2"], scope="module")
def bucket(request: pytest.FixtureRequest) -> Bucket:
    return memory_bucket() if request.param == "fake" else s3_bucket(request.getfixturevalue(f"{request.param}_server"))


@pytest.fixture
def key() -> str:
    """A key that nobody used before, with characters that must be quoted in a URL."""
    return f"projects/film a/é+{secrets.token_hex(4)}.png"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"seven bytes, or more")
    return path
