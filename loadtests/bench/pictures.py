"""`image.upscale`, eight in flight, beside the usual build and beside two processes that only infer."""

import io
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from bare_celery import database
from figures import Goal, Ratio, Run, take_turns
from PIL import Image
from plain_http import PlainClient, ask_at_once
from stack import Stack, run_task, running_stack, upload
from usual_build import UsualBuild, infer_bare, running_usual_build

IN_FLIGHT = 8
POLL_S = 0.02
COUNTS = {16: 400, 64: 160}  # pictures of each size in one measurement
BARE_SIDE = 64
USUAL_DB = 12


def measure_pictures(*, children: int, rounds: int) -> list[Ratio]:
    """Ours, the usual build and the bare inference take turns; each has ``children`` threads for the network."""
    figures: list[Ratio] = []
    with (
        running_stack(lanes="image", workers=children) as stack,
        running_usual_build(database(stack.redis, USUAL_DB), children=children) as usual,
    ):
        for side, count in COUNTS.items():
            ours, theirs, bare = take_turns(
                [
                    partial(upscale_ours, stack, side=side, count=count),
                    partial(upscale_usual, usual, side=side, count=count),
                    partial(infer_bare, side=side, pictures=count, processes=children),
                ],
                rounds=rounds,
            )
            figures.append(compare(f"upscale_{side}", 1.5, ours=ours, peers=theirs))
            if side == BARE_SIDE:
                figures.append(compare(f"upscale_{side}_bare", 0.85, ours=ours, peers=bare))
    return figures


def compare(name: str, goal: float, *, ours: Sequence[float], peers: Sequence[float]) -> Ratio:
    runs = [Run(ours=value, peer=peer) for value, peer in zip(ours, peers, strict=True)]
    return Ratio(name, "pictures/s", Goal(goal, at_least=True), runs)


def upscale_ours(stack: Stack, *, side: int, count: int) -> float:
    with stack.client() as client:
        key = upload(client, make_png(side), filename=f"{side}.png", content_type="image/png")
    task = {"type": "image.upscale", "input": {"object": key}}

    def upscale_one(client: PlainClient) -> None:
        run_task(client, task, poll_s=POLL_S)

    return pictures_per_second(upscale_one, connect=stack.plain_client, count=count)


def upscale_usual(usual: UsualBuild, *, side: int, count: int) -> float:
    png = make_png(side)

    def upscale_one(client: PlainClient) -> None:
        usual.upscale(client, png, poll_s=POLL_S)

    return pictures_per_second(upscale_one, connect=usual.client, count=count)


def pictures_per_second(
    upscale_one: Callable[[PlainClient], None], *, connect: Callable[[], PlainClient], count: int
) -> float:
    """Every client has one picture in flight: submit, poll, the next."""

    def upscale_share(client: PlainClient) -> None:
        for _ in range(count // IN_FLIGHT):
            upscale_one(client)

    ask_at_once(upscale_one, connect=connect, clients=IN_FLIGHT)  # every child has its connections and its model now
    begun = time.perf_counter()
    ask_at_once(upscale_share, connect=connect, clients=IN_FLIGHT)
    return count / (time.perf_counter() - begun)


def make_png(side: int) -> bytes:
    """A smooth picture with some grain, so that PNG has about as much to do as with a photograph."""
    ramp = np.linspace(0, 200, side)
    grain = np.random.default_rng(side).integers(0, 24, (side, side, 3))
    pixels = (np.add.outer(ramp, ramp)[..., np.newaxis] / 2 + grain).astype(np.uint8)
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, "PNG")
    return png.getvalue()
