"""Fault 33: media that mean harm. Each fails with its code before any GPU time, and the same worker goes on."""

import io
import os
import signal
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from hostile_web import PRIVATE, hush, serving
from made_media import Film, flat, noise, write_film
from PIL import Image
from processes import decoders, wait_for
from record_store import open_store
from run_room import STILL, RunRoom

from orchestrator.adapters.av_codec.codec import AvCodec
from orchestrator.adapters.linux_processes import LinuxProcesses
from orchestrator.adapters.pillow_images import PillowImages
from orchestrator.domain.task import Status
from orchestrator.ports.codec import Frame

UPSCALE = {"type": "image.upscale", "model": "realesrgan_x4"}
SHOTS = {"type": "video.shots", "model": "transnetv2"}
SPEECH = {"type": "audio.speech", "model": "silero_vad"}
LONGEST_S = 10.0
MOST_BYTES = 400 * 1024**2

Sample = Callable[[Path], bytes]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks: bytes, width: int = 8, height: int = 8) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks)


def giant_png(_: Path) -> bytes:
    return png(chunk(b"IDAT", zlib.compress(bytes(1000))), width=45_000, height=45_000)


def text_bomb(_: Path) -> bytes:
    """32 MB of text in a few kB."""
    return png(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(32 * 1024**2), 1)), chunk(b"IDAT", b""))


def profile_bomb(_: Path) -> bytes:
    return png(chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(32 * 1024**2), 1)), chunk(b"IDAT", b""))


def saved(name: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(noise(1)).save(file, name, **options)
    return file.getvalue()


def cut_png(_: Path) -> bytes:
    return saved("PNG")[:-2000]


def many_scans(_: Path) -> bytes:
    """Each of a thousand scans would paint the whole picture again."""
    whole = saved("JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * 1000 + whole[-2:]


def moving_png(_: Path) -> bytes:
    return saved("PNG", save_all=True, append_images=[Image.fromarray(noise(2))])


def gif_canvas(_: Path) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", 45_000, 45_000, 0, 0, 0) + b";"


def drawing(_: Path) -> bytes:
    return b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/hostname"/></svg>'


def film_bytes(folder: Path, film: Film, *, name: str = "film.mp4") -> bytes:
    return write_film(folder / name, film).read_bytes()


def cut_before_its_index(folder: Path) -> bytes:
    """An MP4 whose index came last, and did not come."""
    whole = film_bytes(folder, Film(frames=[noise(n) for n in range(20)]), name="film.mov")
    return whole[: len(whole) * 2 // 3]


def index_without_pictures(folder: Path) -> bytes:
    whole = film_bytes(folder, Film(frames=[noise(n) for n in range(20)]))
    return whole[: whole.index(b"mdat") + 4]


def ten_hours(folder: Path) -> bytes:
    """Two frames, the second one after ten hours."""
    path = folder / "long.mkv"
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 25)
        for pts in (0, 25 * 36_000):
            frame = VideoFrame.from_ndarray(flat((1, 2, 3)), format="rgb24")
            frame.pts = pts
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path.read_bytes()


def many_streams(folder: Path) -> bytes:
    path = folder / "streams.mkv"
    with av.open(path, "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=8000, layout="mono") for _ in range(70)]
        for stream in streams:
            frame = AudioFrame(format="s16", layout="mono", samples=8)
            frame.sample_rate, frame.pts = 8000, 0
            container.mux(stream.encode(frame))
    return path.read_bytes()


def thousand_frames_a_second(folder: Path) -> bytes:
    return film_bytes(folder, Film(frames=[flat((1, 2, 3))] * 20, frame_rate=1000))


def song(folder: Path) -> bytes:
    return write_film(folder / "song.wav", Film(sound=flat((0, 0, 0)).astype("float32").ravel())).read_bytes()


def hollow_wav(_: Path) -> bytes:
    return b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(200)


SAMPLES: list[tuple[dict[str, str], Sample, str]] = [
    (UPSCALE, giant_png, "media_too_large"),
    (UPSCALE, text_bomb, "decode_failed"),
    (UPSCALE, profile_bomb, "decode_failed"),
    (UPSCALE, cut_png, "decode_failed"),
    (UPSCALE, many_scans, "media_too_large"),
    (UPSCALE, moving_png, "unsupported_media"),
    (UPSCALE, gif_canvas, "unsupported_media"),
    (UPSCALE, drawing, "unsupported_media"),
    (SHOTS, cut_before_its_index, "unsupported_media"),
    (SHOTS, index_without_pictures, "decode_failed"),
    (SHOTS, ten_hours, "media_too_large"),
    (SHOTS, many_streams, "media_too_large"),
    (SHOTS, thousand_frames_a_second, "media_too_large"),
    (SHOTS, song, "unsupported_media"),
    (SPEECH, hollow_wav, "unsupported_media"),
]


class FaultyCodec(AvCodec):
    """Its decoder dies of a fault in FFmpeg's own code, as a sample made for it would bring about."""

    @contextmanager
    def frames(self, source: Path, *, width: int, height: int) -> Iterator[Iterator[Frame]]:
        with AvCodec.frames(self, source, width=width, height=height) as frames:
            wait_for(lambda: decoders() != [])  # it has no name until it has begun
            os.kill(decoders()[0], signal.SIGSEGV)
            yield frames


@pytest.fixture
def room(redis_url: str, tmp_path: Path) -> Iterator[RunRoom]:
    with open_store(redis_url) as store:
        yield RunRoom(store, tmp_path / "scratch", pictures=PillowImages(), media=AvCodec())


def fail(room: RunRoom, asked: dict[str, str], *, content: bytes) -> str:
    """Run a task on these bytes; the code of its failure."""
    stored = room.storage.put(content, STILL, content_type="application/octet-stream")
    room.submit(**asked, lane="io", input={"object": STILL, "etag": stored.etag})
    begun_s, before = time.monotonic(), LinuxProcesses().memory_bytes()
    room.execute()
    assert time.monotonic() - begun_s < LONGEST_S
    assert LinuxProcesses().memory_bytes() - before < MOST_BYTES
    assert room.engine.most_in_flight == 0, "no GPU time was spent on it"
    error = room.task.error
    assert (room.task.status, error is not None) == (Status.FAILED, True)
    return error.code if error else ""


def require_alive(room: RunRoom) -> None:
    """The same worker does an honest task."""
    stored = room.storage.put(saved("PNG"), f"{STILL}.png", content_type="image/png")
    room.submit(**UPSCALE, id="honest", lane="io", input={"object": stored.key, "etag": stored.etag})
    room.execute()
    assert room.store.task("honest").status is Status.SUCCEEDED


@pytest.mark.parametrize(("asked", "sample", "code"), SAMPLES, ids=[sample.__name__ for _, sample, _ in SAMPLES])
def test_33_each_fails_with_its_code_and_the_worker_goes_on(
    room: RunRoom, tmp_path: Path, asked: dict[str, str], sample: Sample, code: str
) -> None:
    assert fail(room, asked, content=sample(tmp_path)) == code
    require_alive(room)


@pytest.mark.parametrize("signature", [b"", b"\0\0\0\x18ftypisom"], ids=["plain", "dressed up"])
def test_33_a_playlist_reaches_nobody(room: RunRoom, signature: bytes) -> None:
    with serving(hush, host=PRIVATE) as canary:
        address = f"http://{PRIVATE}:{canary.port}/a.ts"
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"
        assert fail(room, SHOTS, content=signature + playlist.encode()) == "unsupported_media"
    assert canary.visits == 0
    require_alive(room)


def test_33_a_sample_that_crashes_its_decoder_fails_alone(redis_url: str, tmp_path: Path) -> None:
    with open_store(redis_url) as store:
        room = RunRoom(store, tmp_path / "scratch", pictures=PillowImages(), media=FaultyCodec())
        assert fail(room, SHOTS, content=film_bytes(tmp_path, Film(frames=[noise(1)] * 20))) == "decode_failed"
        require_alive(room)
