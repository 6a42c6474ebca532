"""What a file is, by its first bytes: nothing else that a stranger says of it counts, and nothing else is opened."""

import re
from dataclasses import dataclass

from orchestrator.domain.media import MediaKind

SNIFFED_BYTES = 512

PICTURE = frozenset({MediaKind.PICTURE})
SOUND = frozenset({MediaKind.AUDIO})
FILM = frozenset({MediaKind.VIDEO, MediaKind.AUDIO})
TENSORS = frozenset({MediaKind.TENSORS})


@dataclass(frozen=True, slots=True)
class MediaFormat:
    """A format that this node opens, and what files of it may turn out to be."""

    name: str
    content_type: str
    kinds: frozenset[MediaKind]
    signature: re.Pattern[bytes]


def _format(name: str, content_type: str, *, kinds: frozenset[MediaKind], signature: bytes) -> MediaFormat:
    return MediaFormat(name, content_type, kinds, re.compile(signature, re.DOTALL))


# The first that fits decides. The decoders have lists of their own (`pillow_images`, `av_codec/decoder`).
FORMATS = (
    _format("png", "image/png", kinds=PICTURE, signature=rb"\x89PNG\r\n\x1a\n"),
    _format("jpeg", "image/jpeg", kinds=PICTURE, signature=rb"\xff\xd8\xff"),
    _format("webp", "image/webp", kinds=PICTURE, signature=rb"RIFF.{4}WEBP"),
    _format("npz", "application/x-npz", kinds=TENSORS, signature=rb"PK\x03\x04.{26}.{0,256}?\.npy"),
    _format("npy", "application/x-npy", kinds=TENSORS, signature=rb"\x93NUMPY"),
    # Before those that begin with a size, which may read as letters.
    _format("json", "application/json", kinds=TENSORS, signature=rb'\s*\{\s*"'),
    _format("mp4", "video/mp4", kinds=FILM, signature=rb".{4}(?:ftyp|moov|mdat|wide|free|skip|pnot)"),
    _format("matroska", "video/x-matroska", kinds=FILM, signature=rb"\x1aE\xdf\xa3"),
    _format("avi", "video/x-msvideo", kinds=FILM, signature=rb"RIFF.{4}AVI "),
    _format("wav", "audio/wav", kinds=SOUND, signature=rb"(?:RIFF|RF64).{4}WAVE"),
    _format("flac", "audio/flac", kinds=SOUND, signature=rb"fLaC"),
    _format("ogg", "audio/ogg", kinds=FILM, signature=rb"OggS"),
    _format("aac", "audio/aac", kinds=SOUND, signature=rb"\xff[\xf0\xf1\xf8\xf9]"),
    _format("mp3", "audio/mpeg", kinds=SOUND, signature=rb"ID3|\xff[\xe2-\xe7\xf2-\xf7\xfa-\xfd]"),
    _format("mpegts", "video/mp2t", kinds=FILM, signature=rb"G.{187}G|.{4}G.{191}G"),
)


def sniff(head: bytes) -> MediaFormat | None:
    """The format of a file that begins with ``head``, of `SNIFFED_BYTES` if it has so many; None if not ours."""
    return next((known for known in FORMATS if known.signature.match(head)), None)


def accepted(accepts: frozenset[MediaKind]) -> str:
    """The names of the formats that may hold one of these kinds, for people."""
    return ", ".join(known.name for known in FORMATS if known.kinds & accepts)
