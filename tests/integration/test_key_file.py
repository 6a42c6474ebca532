"""New keys of the store, put into a file, need no restart."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from servers import SeaweedFs
from storage_room import get_signed

from orchestrator.adapters.s3_storage import KeyFile, S3Address, S3Storage
from orchestrator.domain.breaker import AccessDenied


@pytest.fixture(params=["s3", "r2"])
def server(request: pytest.FixtureRequest) -> SeaweedFs:
    found: SeaweedFs = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "credentials"


@pytest.fixture
def write(file: Path, server: SeaweedFs) -> Callable[[str], None]:
    """The right key, and such a secret, in one step as a mounted secret changes."""

    def write(secret: str) -> None:
        new = file.with_suffix(".new")
        new.write_text(f"[default]\naws_access_key_id = {server.access_key_id}\naws_secret_access_key = {secret}\n")
        new.rename(file)

    return write


@pytest.fixture
def address(file: Path, server: SeaweedFs) -> S3Address:
    return replace(server.address, access_key_id="", secret_access_key="", key_file=KeyFile(file))


def test_what_was_denied_works_as_soon_as_the_file_has_the_new_key(
    write: Callable[[str], None], address: S3Address, server: SeaweedFs
) -> None:
    write("revoked")
    storage, key = S3Storage(address), f"tests/{secrets.token_hex(8)}"
    for denied in (storage.check, lambda: storage.put(b"film", key, content_type="video/mp4")):
        with pytest.raises(AccessDenied):
            denied()
    write(server.secret_access_key)
    storage.check()  # boto3
    assert storage.put(b"film", key, content_type="video/mp4").size_bytes == 4  # the quick way
    signed = storage.sign_get(key, expires_s=60, filename="film.mp4")
    assert get_signed(signed.url).content == b"film"


def test_a_file_that_is_away_or_half_written_changes_nothing(
    file: Path, write: Callable[[str], None], address: S3Address, server: SeaweedFs
) -> None:
    write(server.secret_access_key)
    storage = S3Storage(address)
    storage.check()
    file.write_text("[default]\naws_access_key_id = half")
    storage.check()
    file.unlink()
    storage.check()


def test_a_file_that_never_had_a_key_says_so(address: S3Address) -> None:
    storage = S3Storage(address)
    for denied in (storage.check, lambda: storage.head("key")):
        with pytest.raises(AccessDenied):
            denied()
