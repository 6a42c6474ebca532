"""`PictureCodec` by Pillow, in this process: nothing is decoded before its header has passed."""

import io
import mmap
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from orchestrator.domain.errors import MediaTooLarge, RequestError, UnsupportedMedia
from orchestrator.domain.media import DEFAULT_LIMITS, MediaInfo, MediaKind, MediaLimits
from orchestrator.ports.codec import Picture
from orchestrator.ports.inference import Pixels

FORMATS = ("PNG", "JPEG", "WEBP")
PHONE_JPEG = "MPO"  # Pillow's name for a JPEG that carries previews or a depth map behind the picture
JPEGS = ("JPEG", PHONE_JPEG)
# Each scan of a JPEG costs a pass over all pixels and may be a few bytes long. Encoders make a dozen.
START_OF_SCAN = b"\xff\xda"
MOST_SCANS = 200
ORIENTATION_TAG = 0x0112
SIDEWAYS = range(5, 9)

# Pillow's own level, 6, costs three to six times the CPU of level 1 and saves 7 to 15 % of the bytes (performance.md).
PNG_LEVEL = 1

WRITING: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    ".png": ("PNG", {"compress_level": PNG_LEVEL}),
    ".webp": ("WEBP", {"quality": 95}),
    ".jpg": ("JPEG", {"quality": 90}),
}

# What Pillow raises in the middle of a file; it has no class of its own for it.
DAMAGED = (OSError, SyntaxError, ValueError, EOFError, LookupError, struct.error, ImageCms.PyCMSError)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PillowImages:
    """Reads PNG, JPEG and WebP; writes them, too."""

    limits: MediaLimits = DEFAULT_LIMITS

    def probe(self, source: Path) -> MediaInfo:
        with self._opened(source) as image:
            exif = Image.Exif()
            exif.load(image.info.get("exif", b""))
            width, height = image.size
            if exif.get(ORIENTATION_TAG) in SIDEWAYS:
                width, height = height, width
            return MediaInfo(MediaKind.PICTURE, container=(image.format or "").lower(), width=width, height=height)

    def decode(self, source: Path) -> Picture:
        with self._opened(source) as image:
            image.load()
            upright = ImageOps.exif_transpose(image)
            alpha = np.array(upright.convert("RGBA").getchannel("A")) if upright.has_transparency_data else None
            return Picture(np.array(_as_srgb(upright)), alpha)

    def encode(self, picture: Picture, destination: Path) -> None:
        name, options = WRITING[destination.suffix]
        pixels = picture.rgb
        if picture.alpha is not None and name != "JPEG":
            pixels = np.dstack((picture.rgb, picture.alpha))
        Image.fromarray(pixels).save(destination, name, **options)

    def resize(self, pixels: Pixels, *, width: int, height: int) -> Pixels:
        return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))

    @contextmanager
    def _opened(self, source: Path) -> Iterator[Image.Image]:
        with source.open("rb") as file, translated(), Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > self.limits.picture_pixels:
                raise MediaTooLarge(
                    f"the picture has {image.width} × {image.height} pixels, more than this node accepts"
                )
            if image.format in JPEGS and count_scans(source) > MOST_SCANS:
                raise MediaTooLarge("the picture is cut into more scans than this node accepts")
            if image.format != PHONE_JPEG and getattr(image, "n_frames", 1) > 1:
                raise UnsupportedMedia("the file is an animation, not a picture")
            yield image


def count_scans(source: Path) -> int:
    """How many times a progressive JPEG paints the whole picture, previews included, without decoding any."""
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        # The two bytes mean nothing else: in coded data 0xFF is followed by a zero.
        count, found = 0, content.find(START_OF_SCAN)
        while found >= 0 and count <= MOST_SCANS:
            count, found = count + 1, content.find(START_OF_SCAN, found + 2)
        return count


@contextmanager
def translated() -> Iterator[None]:
    """Pillow's errors as ours. Those of the file system are met before, when the file is opened."""
    try:
        yield
    except RequestError:
        raise
    except UnidentifiedImageError as error:
        raise UnsupportedMedia("the file is not a PNG, JPEG or WebP picture") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise MediaTooLarge("the picture has more pixels than this node accepts") from error
    except DAMAGED as error:
        log.info("picture.damaged", error=repr(error))
        raise UnsupportedMedia("the picture is damaged: it cannot be decoded", code="decode_failed") from error


def _as_srgb(image: Image.Image) -> Image.Image:
    """Eight bits of RGB, through the picture's own profile when it has one that works."""
    if image.mode.startswith("I"):  # 16 bits of grey
        return Image.fromarray((np.array(image) >> 8).astype(np.uint8)).convert("RGB")
    opaque = image if image.mode in {"L", "RGB", "CMYK"} else image.convert("RGB")
    profile = image.info.get("icc_profile")
    if profile:
        try:
            return _through_profile(opaque, profile)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            log.info("picture.profile_ignored", error=repr(error))
    return opaque.convert("RGB")


def _through_profile(image: Image.Image, profile: bytes) -> Image.Image:
    own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if "sRGB" in ImageCms.getProfileDescription(own):
        return image.convert("RGB")
    converted = ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
    return converted or image.convert("RGB")
