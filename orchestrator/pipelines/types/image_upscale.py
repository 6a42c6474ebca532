"""`image.upscale`: a picture twice or four times as large, by Real-ESRGAN in tiles of one size."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from pydantic import Field

from orchestrator.domain.errors import MediaTooLarge
from orchestrator.domain.media import MediaKind
from orchestrator.domain.task import Progress
from orchestrator.pipelines.inflight import ModelRoute, Request, infer_in_order, with_less
from orchestrator.pipelines.pipeline import LocalArtifact, Outcome, Params, Workbench
from orchestrator.pipelines.tiling import Tile, tiles
from orchestrator.ports.codec import Picture
from orchestrator.ports.inference import Pixels

NETWORK_SCALE = 4
TILE = 192
OVERLAP = 18  # the receptive field: the tiled picture equals the untiled one exactly (stack facts H, Real-ESRGAN)
IN_FLIGHT = 2  # as many as the model has instances on a CPU; on a GPU Triton joins the tiles of several tasks

LARGEST_RESULT_PIXELS = 16 * 4096 * 2160
LARGEST_SIDE = {"png": 2**31 - 1, "webp": 16_383}


class UpscaleParams(Params):
    """How large, and in which format."""

    scale: Literal[2, 4] = Field(4, description="How many times as wide and high.")
    format: Literal["png", "webp"] = Field("png", description="PNG keeps every pixel; WebP is smaller.")


class ImageUpscale:
    """Keeps the alpha channel, which grows by interpolation: the network knows colours only."""

    name = "image.upscale"
    summary = "Make a picture twice or four times as large."
    lane = "image"
    model = "realesrgan_x4"
    accepts = frozenset({MediaKind.PICTURE})
    params = UpscaleParams
    predicted_s = 5.0

    def run(self, params: Any, bench: Workbench) -> Outcome:  # noqa: ANN401 - the registry holds all types
        asked: UpscaleParams = params
        source, info = bench.medium
        width, height = info.width * asked.scale, info.height * asked.scale
        _require_storable(width, height, suffix=asked.format)
        picture = bench.pictures.decode(source)
        alpha = picture.alpha
        if alpha is not None:
            alpha = bench.pictures.resize(
                alpha, width=alpha.shape[1] * asked.scale, height=alpha.shape[0] * asked.scale
            )

        def upscale(size: int) -> tuple[Pixels, int]:
            plan = tiles(*picture.rgb.shape[:2], size=size, overlap=OVERLAP)
            bench.log("tiles.planned", tiles=len(plan))
            return self._upscale(picture.rgb, bench, plan=plan, scale=asked.scale), len(plan)

        rgb, tile_count = with_less(upscale, TILE, log=bench.log)
        upscaled = Picture(rgb, alpha)
        path = bench.scratch / f"upscaled.{asked.format}"
        bench.pictures.encode(upscaled, path)
        height, width, _ = upscaled.rgb.shape
        return Outcome(
            result={"width": width, "height": height, "scale": asked.scale},
            artifacts=(LocalArtifact(path, f"image/{asked.format}"),),
            usage={"inferences": tile_count, "tiles": tile_count},
        )

    def _upscale(self, rgb: Pixels, bench: Workbench, *, plan: list[Tile], scale: int) -> Pixels:
        height, width, channels = rgb.shape
        canvas = np.empty((height * scale, width * scale, channels), np.uint8)
        route = ModelRoute(bench.engine, self.model, ("upscaled",), IN_FLIGHT, bench.infer_timeout_s, bench.cancel)
        for done, (tile, outputs) in enumerate(infer_in_order(route, _requests(rgb, plan)), 1):
            piece = _interleave(outputs["upscaled"][0])
            if scale != NETWORK_SCALE:  # as upstream: the network's four times, then made smaller
                shrink = NETWORK_SCALE // scale
                piece = bench.pictures.resize(piece, width=piece.shape[1] // shrink, height=piece.shape[0] // shrink)
            tile.paste(canvas, piece, scale=scale)
            bench.report(Progress("infer", fraction=done / len(plan), done=done, total=len(plan)))
        return canvas


def _requests(rgb: Pixels, plan: list[Tile]) -> Iterator[Request[Tile]]:
    for tile in plan:
        channels_first = tile.cut(rgb).transpose(2, 0, 1)
        yield Request(tile, {"image": np.ascontiguousarray(channels_first)[np.newaxis]})


def _interleave(planes: Pixels) -> Pixels:
    """Plane by plane: a copy of the transposed view takes seven times as long (docs/performance.md)."""
    pixels = np.empty((*planes.shape[1:], len(planes)), np.uint8)
    for channel, plane in enumerate(planes):
        pixels[..., channel] = plane
    return pixels


def _require_storable(width: int, height: int, *, suffix: str) -> None:
    """Before any GPU time: the result must fit in memory, and in its format."""
    if width * height > LARGEST_RESULT_PIXELS:
        raise MediaTooLarge(f"the result would have {width} × {height} pixels, more than this node makes")
    if max(width, height) > LARGEST_SIDE[suffix]:
        raise MediaTooLarge(f"{suffix} pictures have at most {LARGEST_SIDE[suffix]} pixels a side; ask for png")
