"""The promises of `PictureCodec`, kept by the fake and by Pillow; then what only real files can show."""

import io
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
from fakes_codec import FakePictures
from made_media import flat, noise
from PIL import Image, ImageCms, ImageFile, ImageOps, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, WebPImagePlugin

from orchestrator.adapters.pillow_images import PillowImages, translated
from orchestrator.domain.errors import MediaTooLarge, RequestError, UnsupportedMedia
from orchestrator.domain.media import DEFAULT_LIMITS, MediaKind
from orchestrator.ports.codec import Picture, PictureCodec
from orchestrator.ports.inference import Pixels

LIMITS = replace(DEFAULT_LIMITS, picture_pixels=100 * 100)
PILLOW = PillowImages(LIMITS)
ALPHA = np.arange(64 * 48, dtype=np.uint32).reshape(48, 64).astype(np.uint8)
VISIBLE = np.maximum(ALPHA, 1)


@pytest.fixture(params=["fake", "pillow"])
def codec(request: pytest.FixtureRequest) -> PictureCodec:
    return FakePictures(LIMITS) if request.param == "fake" else PILLOW


def test_probe_tells_the_size(codec: PictureCodec, tmp_path: Path) -> None:
    source = tmp_path / "picture.png"
    codec.encode(Picture(noise(1)), source)
    info = codec.probe(source)
    assert (info.kind, info.width, info.height) == (MediaKind.PICTURE, 64, 48)


def test_refuses_what_is_no_picture(codec: PictureCodec, tmp_path: Path) -> None:
    source = tmp_path / "picture.png"
    source.write_text("a picture? no, a poem")
    with pytest.raises(UnsupportedMedia):
        codec.probe(source)
    with pytest.raises(UnsupportedMedia):
        codec.decode(source)


def test_refuses_too_many_pixels(codec: PictureCodec, tmp_path: Path) -> None:
    source = tmp_path / "picture.png"
    codec.encode(Picture(noise(1, width=101, height=100)), source)
    with pytest.raises(MediaTooLarge):
        codec.probe(source)
    with pytest.raises(MediaTooLarge):
        codec.decode(source)


@pytest.mark.parametrize("alpha", [None, ALPHA])
def test_png_keeps_every_pixel(codec: PictureCodec, alpha: Pixels | None, tmp_path: Path) -> None:
    source = tmp_path / "picture.png"
    codec.encode(Picture(noise(1), alpha), source)
    decoded = codec.decode(source)
    assert np.array_equal(decoded.rgb, noise(1))
    assert (decoded.alpha is None) == (alpha is None)
    assert alpha is None or decoded.alpha is None or np.array_equal(decoded.alpha, alpha)


def test_webp_keeps_the_alpha(codec: PictureCodec, tmp_path: Path) -> None:
    source = tmp_path / "picture.webp"
    codec.encode(Picture(flat((200, 100, 50)), VISIBLE), source)
    decoded = codec.decode(source)
    assert np.abs(decoded.rgb.astype(int) - (200, 100, 50)).max() < 8
    assert decoded.alpha is not None
    assert np.array_equal(decoded.alpha, VISIBLE)


def test_jpeg_has_no_alpha(codec: PictureCodec, tmp_path: Path) -> None:
    source = tmp_path / "picture.jpg"
    codec.encode(Picture(flat((200, 100, 50)), ALPHA), source)
    assert codec.decode(source).alpha is None


@pytest.mark.parametrize("shape", [(48, 64, 3), (48, 64)])
@pytest.mark.parametrize(("width", "height"), [(128, 96), (16, 12), (37, 5)])
def test_resize_gives_exactly_this_size(codec: PictureCodec, shape: tuple[int, ...], width: int, height: int) -> None:
    resized = codec.resize(np.full(shape, 77, np.uint8), width=width, height=height)
    assert resized.shape == (height, width, *shape[2:])
    assert (resized == 77).all()


def saved(image: Image.Image, path: Path, **options: Any) -> Path:  # noqa: ANN401 - whatever the format knows
    image.save(path, **options)
    return path


@pytest.mark.parametrize(("orientation", "turn"), [(3, 180), (6, 270), (8, 90)])
def test_exif_orientation_is_applied(orientation: int, turn: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = saved(Image.fromarray(noise(1)), tmp_path / "turned.png", exif=exif)
    expected = np.rot90(noise(1), turn // 90)
    info = PILLOW.probe(source)
    assert (info.height, info.width) == expected.shape[:2]
    assert np.array_equal(PILLOW.decode(source).rgb, expected)


def test_sixteen_bits_of_grey_become_eight(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    decoded = PILLOW.decode(saved(Image.fromarray(ramp), tmp_path / "deep.png"))
    assert np.array_equal(decoded.rgb[..., 0], ramp >> 8)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_every_mode_becomes_rgb(mode: str, tmp_path: Path) -> None:
    image = Image.fromarray(flat((255, 255, 255))).convert(mode)
    decoded = PILLOW.decode(saved(image, tmp_path / ("picture.jpg" if mode == "CMYK" else "picture.png")))
    assert decoded.rgb.shape == (48, 64, 3)
    assert decoded.rgb.min() >= 254
    assert (decoded.alpha is None) == (mode not in {"LA", "RGBA"})


def test_a_palette_with_a_transparent_colour_has_alpha(tmp_path: Path) -> None:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([255, 0, 0, 0, 255, 0])
    decoded = PILLOW.decode(saved(image, tmp_path / "sprite.png", transparency=1))
    assert decoded.alpha is not None
    assert not decoded.alpha.any()


def test_colours_are_srgb(tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"temp").replace(b"bXYZ", b"rXYZ").replace(b"temp", b"bXYZ")
    renamed = swapped.replace("sRGB".encode("utf-16-be"), "sBGR".encode("utf-16-be"))
    source = saved(Image.fromarray(flat((255, 0, 0))), tmp_path / "swapped.png", icc_profile=renamed)
    assert np.abs(PILLOW.decode(source).rgb.astype(int) - (0, 0, 255)).max() <= 2


def test_a_broken_profile_is_passed_over(tmp_path: Path) -> None:
    source = saved(Image.fromarray(noise(1)), tmp_path / "broken.png", icc_profile=b"no profile")
    assert np.array_equal(PILLOW.decode(source).rgb, noise(1))


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header promises much and whose data is nothing."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def encoded(name: str, *, frames: int = 1) -> bytes:
    """A still, or an animation."""
    first, *others = [Image.fromarray(noise(seed)) for seed in range(frames)]
    target = io.BytesIO()
    first.save(target, name, save_all=bool(others), append_images=others)
    return target.getvalue()


HOSTILE = {
    "png bomb": (png_of(45_000, 45_000), MediaTooLarge),
    "png a little too large": (png_of(10_000, 9_000), MediaTooLarge),
    "png without pixels": (png_of(50, 50), UnsupportedMedia),
    "truncated png": (encoded("PNG")[:2000], UnsupportedMedia),
    "truncated jpeg": (encoded("JPEG")[:800], UnsupportedMedia),
    "gif of 45,000 pixels a side": (
        b"GIF89a" + struct.pack("<HHBBB", 45_000, 45_000, 0, 0, 0) + b";",
        UnsupportedMedia,
    ),
    "tiff": (encoded("TIFF"), UnsupportedMedia),
    "animated png": (encoded("PNG", frames=3), UnsupportedMedia),
    "animated webp": (encoded("WEBP", frames=3), UnsupportedMedia),
    "nothing": (b"", UnsupportedMedia),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_in_our_words(name: str, tmp_path: Path) -> None:
    content, refusal = HOSTILE[name]
    source = tmp_path / "picture.png"
    source.write_bytes(content)
    with pytest.raises(refusal) as refused:
        PILLOW.decode(source)
    assert str(tmp_path) not in str(refused.value)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_is_passed_over(tmp_path: Path) -> None:
    exif = b"Exif\0\0II*\0\xff\xff\xff\xff"
    source = saved(Image.fromarray(noise(1)), tmp_path / "damaged.jpg", exif=exif)
    assert PILLOW.decode(source).rgb.shape == (48, 64, 3)


def test_previews_of_a_phone_are_no_animation(tmp_path: Path) -> None:
    image = Image.fromarray(noise(1))
    source = saved(image, tmp_path / "phone.jpg", format="MPO", save_all=True, append_images=[image])
    assert PILLOW.decode(source).rgb.shape == (48, 64, 3)


def exceptions_of_pillow() -> list[type[BaseException]]:
    """Every exception class in the parts of Pillow that we use."""
    parts = (
        PIL,
        Image,
        ImageCms,
        ImageFile,
        ImageOps,
        JpegImagePlugin,
        MpoImagePlugin,
        PngImagePlugin,
        WebPImagePlugin,
    )
    found = {value for part in parts for value in vars(part).values() if isinstance(value, type)}
    kinds = {kind for kind in found if issubclass(kind, BaseException) and kind.__module__.startswith("PIL")}
    return sorted(kinds, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", exceptions_of_pillow())
def test_every_exception_of_pillow_becomes_ours(kind: type[BaseException]) -> None:
    with pytest.raises(RequestError), translated():
        raise kind
