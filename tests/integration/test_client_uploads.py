"""The client's uploads in parts: several at a time, and on from where they broke off. Against the real store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import servers
from front_door import KEYS, FrontDoor, front_door

from orchestrator.adapters.s3_storage import S3Address, S3Parts, S3Storage
from orchestrator.client import Client, UploadInterrupted, errors
from orchestrator.client.calls import Caller
from orchestrator.client.uploads import Uploader
from orchestrator.domain.upload import MIB, UploadSizes

FILM = bytes(range(256)) * (12 * MIB // 256) + b"the end"  # three parts


@pytest.fixture(params=["s3", "r2"])
def address(request: pytest.FixtureRequest) -> S3Address:
    server: servers.SeaweedFs = request.getfixturevalue(f"{request.param}_server")
    return server.address


@pytest.fixture
def door(redis_url: str, address: S3Address) -> Iterator[FrontDoor]:
    sizes = UploadSizes(one_put_bytes=6 * MIB, part_bytes=5 * MIB)
    with front_door(redis_url, S3Storage(address), part_storage=S3Parts(address), sizes=sizes) as door:
        yield door


@pytest.fixture
def client(door: FrontDoor) -> Iterator[Client]:
    with Client(door.url, KEYS["film-a"]) as client:
        yield client


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "take 3.mp4"
    path.write_bytes(FILM)
    return path


class Line(httpx.HTTPTransport):
    """The way to storage: it knows which parts were sent, and breaks for some of them, a given number of times."""

    def __init__(self, breaks: dict[int, int]) -> None:
        super().__init__()
        self.breaks = breaks
        self.parts: list[int] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        number = int(request.url.params["partNumber"])
        self.parts.append(number)
        if self.breaks.get(number, 0) > 0:
            self.breaks[number] -= 1
            raise httpx.WriteError("the line is cut")
        return super().handle_request(request)


@contextmanager
def uploading(door: FrontDoor, film: Path, *, line: Line, sent: list[int]) -> Iterator[Uploader]:
    with door.caller() as api, httpx.Client(transport=line) as storage:
        caller = Caller(api, tries=2, sleep=lambda _s: None)
        yield Uploader(caller, storage, film, on_progress=lambda done, _total: sent.append(done))


def content_of(address: S3Address, key: str, *, folder: Path) -> bytes:
    storage, copy = S3Storage(address), folder / "copy"
    storage.fetch(key, copy, etag=storage.head(key).etag, limit_bytes=len(FILM))
    return copy.read_bytes()


def test_a_large_file_arrives_whole(client: Client, address: S3Address, film: Path, tmp_path: Path) -> None:
    sent: list[tuple[int, int]] = []
    key = client.upload(film, on_progress=lambda done, total: sent.append((done, total)))
    assert content_of(address, key, folder=tmp_path) == FILM
    assert sent[-1] == (len(FILM), len(FILM))
    assert sent == sorted(sent)


def test_it_goes_on_where_it_broke_off(
    door: FrontDoor, client: Client, address: S3Address, film: Path, tmp_path: Path
) -> None:
    sent: list[int] = []
    broken = Line({2: 2})
    with uploading(door, film, line=broken, sent=sent) as first, pytest.raises(UploadInterrupted) as cut:
        first.send("video/mp4")
    assert (cut.value.code, sorted(broken.parts)) == ("unreachable", [1, 2, 2, 3])
    whole = Line({})
    with uploading(door, film, line=whole, sent=sent) as second:
        key = second.resume(cut.value.upload_id)
    assert whole.parts == [2]
    assert content_of(address, key, folder=tmp_path) == FILM
    assert sent[-1] == len(FILM)
    assert client.upload(film, resume=cut.value.upload_id) == key, "what is complete is not sent again"


def test_a_break_that_passes_costs_one_part_again(door: FrontDoor, film: Path) -> None:
    line = Line({3: 1})
    with uploading(door, film, line=line, sent=[]) as upload:
        upload.send("video/mp4")
    assert sorted(line.parts) == [1, 2, 3, 3]


def test_another_file_is_not_mixed_in(door: FrontDoor, client: Client, film: Path) -> None:
    with uploading(door, film, line=Line({1: 2}), sent=[]) as upload, pytest.raises(UploadInterrupted) as cut:
        upload.send("video/mp4")
    film.write_bytes(FILM[:-1])
    with pytest.raises(errors.FileChanged):
        client.upload(film, resume=cut.value.upload_id)


def test_what_is_not_wanted_any_more_is_thrown_away(door: FrontDoor, client: Client, film: Path) -> None:
    with uploading(door, film, line=Line({1: 2}), sent=[]) as upload, pytest.raises(UploadInterrupted) as cut:
        upload.send("video/mp4")
    client.abort_upload(cut.value.upload_id)
    with pytest.raises(errors.UploadNotFound):
        client.upload(film, resume=cut.value.upload_id)
