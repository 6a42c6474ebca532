"""What strangers send, and what the decoder is allowed (fault 33): refused in our words, quickly, and nothing leaks."""

import io
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import av
import pytest
from av.video.frame import VideoFrame
from made_media import Film, flat, noise, tone, write_film
from processes import is_alive, wait_for

from orchestrator.adapters.av_codec.codec import AvCodec
from orchestrator.adapters.av_codec.sandbox import LOG_BYTES, OPEN_FILES
from orchestrator.domain.errors import MediaTooLarge, UnsupportedMedia
from orchestrator.domain.media import DEFAULT_LIMITS, MediaKind

CODEC = AvCodec()

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "film.mp4", Film(frames=[noise(seed % 7) for seed in range(200)], sound=tone(8)))


@contextmanager
def canary() -> Iterator[tuple[int, list[object]]]:
    """A port, and who has connected to it."""
    visitors: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def watch() -> None:
            while True:
                try:
                    connection, visitor = listener.accept()
                except OSError:
                    return
                visitors.append(visitor)
                connection.close()

        thread = threading.Thread(target=watch)
        thread.start()
        yield listener.getsockname()[1], visitors
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{address}'\n",
        '<?xml version="1.0"?><MPD><BaseURL>{address}</BaseURL></MPD>',
        "v=0\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    ],
    ids=["hls", "concat", "dash", "sdp"],
)
@pytest.mark.parametrize("scheme", ["file", "http"])
def test_playlists_reach_neither_files_nor_the_network(playlist: str, scheme: str, film: Path) -> None:
    with canary() as (port, visitors):
        address = film.as_uri() if scheme == "file" else f"http://127.0.0.1:{port}/film.mp4"
        source = film.with_name("playlist.mp4")
        source.write_text(playlist.format(address=address, port=port))
        with pytest.raises(UnsupportedMedia):
            CODEC.probe(source)
    assert visitors == []


def test_a_film_cut_before_its_index_is_refused(film: Path) -> None:
    source = film.with_name("cut.mov")
    with av.open(source, "w", format="mp4") as container:  # its index comes last
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for seed in range(20):
            container.mux(stream.encode(VideoFrame.from_ndarray(noise(seed), format="rgb24")))
        container.mux(stream.encode())
    source.write_bytes(source.read_bytes()[:-2000])
    with pytest.raises(UnsupportedMedia):
        CODEC.probe(source)


def test_a_film_cut_behind_its_index_fails_in_the_middle(film: Path) -> None:
    whole = film.read_bytes()
    film.write_bytes(whole[: len(whole) * 2 // 3])
    assert CODEC.probe(film).kind is MediaKind.VIDEO
    with CODEC.frames(film, width=48, height=27) as frames, pytest.raises(UnsupportedMedia) as refusal:
        list(frames)
    assert refusal.value.code == "decode_failed"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a film? no, a poem",
        b"GIF89a" + struct.pack("<HHBBB", 45_000, 45_000, 0, 0, 0) + b";",
        struct.pack(">I4s4sII", 24, b"ftyp", b"isom", 0, 0) + struct.pack(">I4s", 0xFFFFFFF0, b"moov") + bytes(100),
        bytes(100_000),
        b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(200),
    ],
    ids=["nothing", "text", "gif", "endless box", "zeros", "hollow wav"],
)
def test_rubbish_is_refused(content: bytes, tmp_path: Path) -> None:
    source = tmp_path / "film.mp4"
    source.write_bytes(content)
    with pytest.raises(UnsupportedMedia) as refusal:
        CODEC.probe(source)
    assert str(tmp_path) not in str(refusal.value)


def test_a_film_without_a_stated_length_is_measured_while_it_is_decoded(tmp_path: Path) -> None:
    source = tmp_path / "live.mkv"
    source.write_bytes(streamed_matroska(seconds=5))
    codec = AvCodec(replace(DEFAULT_LIMITS, duration_s=3))
    assert codec.probe(source).duration_s == 0
    with codec.frames(source, width=48, height=27) as frames, pytest.raises(MediaTooLarge):
        list(frames)


class Pipe(io.BytesIO):
    """A file that cannot be rewound, as a live recording is written."""

    def seekable(self) -> bool:
        return False

    seek = None  # type: ignore[assignment] # PyAV looks for the method


def streamed_matroska(*, seconds: int) -> bytes:
    target = Pipe()
    with av.open(target, "w", format="matroska") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(25 * seconds):
            container.mux(stream.encode(VideoFrame.from_ndarray(flat((1, 2, 3)), format="rgb24")))
        container.mux(stream.encode())
        return target.getvalue()


@contextmanager
def running_decoder(film: Path) -> Iterator[int]:
    """The process id of a decoder that is in the middle of a film."""
    before = children()  # the servers of the session are children too
    with CODEC.frames(film, width=640, height=480) as frames:
        next(frames)
        (pid,) = children() - before
        yield pid


def children() -> set[int]:
    """The processes that this one has started and not yet buried."""
    tasks = Path("/proc/self/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()}


def test_the_decoder_has_limits_and_none_of_our_secrets(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCH_S3__SECRET_ACCESS_KEY", "the secret")
    with running_decoder(film) as pid:
        assert b"the secret" not in Path(f"/proc/{pid}/environ").read_bytes()
        assert resource.prlimit(pid, resource.RLIMIT_AS)[1] == DEFAULT_LIMITS.decode_memory_bytes
        assert resource.prlimit(pid, resource.RLIMIT_FSIZE)[1] == LOG_BYTES
        assert resource.prlimit(pid, resource.RLIMIT_NOFILE)[1] == OPEN_FILES
        assert resource.prlimit(pid, resource.RLIMIT_CORE)[1] == 0
        assert "NoNewPrivs:\t1" in Path(f"/proc/{pid}/status").read_text()


def test_the_decoder_dies_with_its_parent(film: Path) -> None:
    """Even one that waits for its pipe to be read."""
    program = f"""
import os
from pathlib import Path
from orchestrator.adapters.av_codec.codec import AvCodec
with AvCodec().frames(Path({str(film)!r}), width=640, height=480) as frames:
    next(frames)
    print(Path(f"/proc/self/task/{{os.getpid()}}/children").read_text(), flush=True)
    input()
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        decoder = int(parent.stdout.readline())
        assert is_alive(decoder)
        parent.send_signal(signal.SIGKILL)
        wait_for(lambda: not is_alive(decoder), within_s=5)
