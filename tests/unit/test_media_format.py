"""What a file is, by its first bytes."""

import io
import wave
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_media import Film, flat, tone, write_film
from PIL import Image

from orchestrator.domain.media import MediaKind
from orchestrator.domain.media_format import FORMATS, SNIFFED_BYTES, accepted, sniff


def name_of(head: bytes) -> str | None:
    known = sniff(head)
    return known.name if known else None


@pytest.mark.parametrize(("pillow", "name"), [("PNG", "png"), ("JPEG", "jpeg"), ("WEBP", "webp")])
def test_pictures(pillow: str, name: str) -> None:
    file = io.BytesIO()
    Image.fromarray(flat((1, 2, 3))).save(file, pillow)
    assert name_of(file.getvalue()[:SNIFFED_BYTES]) == name


@pytest.mark.parametrize(
    ("suffix", "name"),
    [("mp4", "mp4"), ("mov", "mp4"), ("mkv", "matroska"), ("webm", "matroska"), ("ts", "mpegts"), ("avi", "avi")],
)
def test_films(suffix: str, name: str, tmp_path: Path) -> None:
    film = Film(frames=[flat((1, 2, 3))] * 3)
    path = write_film(tmp_path / f"film.{suffix if suffix != 'webm' else 'mkv'}", film)
    assert name_of(path.read_bytes()[:SNIFFED_BYTES]) == name


def test_sound(tmp_path: Path) -> None:
    assert name_of(write_film(tmp_path / "a.wav", Film(sound=tone(0.1))).read_bytes()[:SNIFFED_BYTES]) == "wav"
    assert name_of(b"fLaC\x00\x00\x00\x22") == "flac"
    assert name_of(b"OggS\x00\x02") == "ogg"
    assert name_of(b"ID3\x04\x00") == "mp3"
    assert name_of(b"\xff\xfb\x90\x64") == "mp3"
    assert name_of(b"\xff\xf1\x50\x80") == "aac"


def test_a_wave_file_of_the_standard_library() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16))
    assert name_of(file.getvalue()) == "wav"


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"G",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n",
        b"ffconcat version 1.0\n",
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        b"GIF89a",
        b"PK\x03\x04",
        b"\x1f\x8b\x08",
        b"%PDF-1.7",
        b"\x7fELF",
        b"\xff\xfe#\x00E\x00X\x00T\x00",
        b"II*\x00",
        b"8BPS",
        bytes(SNIFFED_BYTES),
    ],
)
def test_whatever_else_is_nothing_of_ours(head: bytes) -> None:
    assert sniff(head) is None


@settings(max_examples=50)
@given(st.binary(max_size=SNIFFED_BYTES))
def test_no_bytes_break_it(head: bytes) -> None:
    sniff(head)


def test_formats_are_named_by_what_they_may_hold() -> None:
    assert accepted(frozenset({MediaKind.PICTURE})) == "png, jpeg, webp"
    assert "wav" not in accepted(frozenset({MediaKind.VIDEO}))
    assert len({known.name for known in FORMATS}) == len(FORMATS)
