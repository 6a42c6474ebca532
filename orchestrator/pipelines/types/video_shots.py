"""`video.shots`: where the shots of a film begin and end, by TransNetV2, and a contact sheet with one frame a shot."""

import json
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from orchestrator.domain.errors import UnsupportedMedia
from orchestrator.domain.media import MediaInfo, MediaKind
from orchestrator.domain.task import Progress
from orchestrator.pipelines.inflight import ModelRoute, Request, infer_in_order
from orchestrator.pipelines.pipeline import LocalArtifact, Outcome, Params, Workbench
from orchestrator.pipelines.shots import KEPT, Shot, find_shots, windows
from orchestrator.ports.codec import Picture
from orchestrator.ports.inference import Pixels

FRAME_WIDTH, FRAME_HEIGHT = 48, 27
IN_FLIGHT = 2  # as many as the model has instances: more would only wait in Triton (stack facts H, Triton)

SHEET_SHOTS = 200
SHEET_COLUMNS = 8
THUMB_WIDTH = 160
THUMB_HEIGHTS = (16, 320)
GAP = 4


class ShotsParams(Params):
    """How sure the model must be of a cut."""

    threshold: float = Field(0.5, gt=0, lt=1, description="A frame with a higher probability is part of a cut.")


class VideoShots:
    """The decoder runs ahead of the network by the windows in flight and what its pipe holds, however long the film.

    A number for each frame (its time and its probability) is all that grows with the film.
    """

    name = "video.shots"
    summary = "Find the shots of a film."
    lane = "video"
    model = "transnetv2"
    accepts = frozenset({MediaKind.VIDEO})
    params = ShotsParams
    predicted_s = 30.0

    def run(self, params: Any, bench: Workbench) -> Outcome:  # noqa: ANN401 - the registry holds all types
        asked: ShotsParams = params
        starts_s: array[float] = array("d")
        kept = list(self._cut_probabilities(starts_s, bench))
        if not kept:
            raise UnsupportedMedia("the film has no frames", code="decode_failed")
        shots = find_shots(np.concatenate(kept)[: len(starts_s)], asked.threshold)
        bench.log("shots.found", shots=len(shots), frames=len(starts_s))
        ends_s = [*starts_s[1:], _end_of(starts_s, bench.medium[1])]
        table = bench.scratch / "shots.json"
        rows = [_row(shot, start_s=starts_s[shot.start], end_s=ends_s[shot.end]) for shot in shots]
        table.write_text(json.dumps({"shots": rows}, indent=1))
        pictured = shots[:SHEET_SHOTS]
        sheet = _contact_sheet([starts_s[(shot.start + shot.end) // 2] for shot in pictured], bench)
        return Outcome(
            result={
                "shots": len(shots),
                "frames": len(starts_s),
                "duration_s": round(ends_s[-1], 3),
                "contact_sheet_shots": len(pictured),
            },
            artifacts=(LocalArtifact(table, "application/json"), LocalArtifact(sheet, "image/jpeg")),
            usage={"inferences": len(kept), "windows": len(kept), "frames": len(starts_s)},
        )

    def _cut_probabilities(self, starts_s: "array[float]", bench: Workbench) -> Iterator[NDArray[np.float32]]:
        """What counts of each window's answer; ``starts_s`` gets the time of every frame on the way."""
        source, info = bench.medium
        expected = round(info.duration_s * info.frame_rate)
        route = ModelRoute(bench.engine, self.model, ("OUTPUT__0",), IN_FLIGHT, bench.infer_timeout_s, bench.cancel)
        with bench.media.frames(source, width=FRAME_WIDTH, height=FRAME_HEIGHT) as frames:

            def pixels() -> Iterator[Pixels]:
                for frame in frames:
                    starts_s.append(frame.time_s)
                    yield frame.pixels

            requests = (Request(None, {"INPUT__0": window[np.newaxis]}) for window in windows(pixels()))
            done = 0
            for _, outputs in infer_in_order(route, requests):
                probabilities = outputs["OUTPUT__0"][0, KEPT, 0]
                done += len(probabilities)
                total = max(expected, len(starts_s))
                bench.report(Progress("infer", fraction=min(1.0, done / total), done=min(done, total), total=total))
                yield probabilities


def _end_of(starts_s: Sequence[float], info: MediaInfo) -> float:
    """When the last frame leaves the screen: it stays as long as the one before it."""
    if len(starts_s) > 1:
        return 2 * starts_s[-1] - starts_s[-2]
    return starts_s[0] + 1 / (info.frame_rate or 1)


def _row(shot: Shot, *, start_s: float, end_s: float) -> dict[str, float]:
    """A shot as clients read it: both frames belong to it, and it lasts until its last frame leaves the screen."""
    return {
        "start_frame": shot.start,
        "end_frame": shot.end,
        "start_time_s": round(start_s, 6),
        "end_time_s": round(end_s, 6),
        "confidence": round(shot.confidence, 4),
    }


def _contact_sheet(times_s: Sequence[float], bench: Workbench) -> Path:
    """The frames shown at these times, row by row."""
    source, info = bench.medium
    width = THUMB_WIDTH
    height = min(max(width * info.height // max(info.width, 1), THUMB_HEIGHTS[0]), THUMB_HEIGHTS[1])
    columns = min(SHEET_COLUMNS, len(times_s))
    rows = -(-len(times_s) // columns)
    sheet = np.zeros((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), np.uint8)
    with bench.media.frames_at(source, times_s, width=width, height=height) as frames:
        for index, frame in enumerate(frames):
            bench.cancel.raise_if_canceled()
            top = GAP + index // columns * (height + GAP)
            left = GAP + index % columns * (width + GAP)
            sheet[top : top + height, left : left + width] = frame.pixels
    path = bench.scratch / "contact_sheet.jpg"
    bench.pictures.encode(Picture(sheet), path)
    return path
