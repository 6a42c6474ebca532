"""`make demo`: the main job on real media, by the commands a person would type, and pictures of what came back."""

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import av
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
MEDIA = ROOT / ".cache" / "media"
STATE = ROOT / ".demo"
RESULTS = STATE / "results"
FRAME_AT_S = 3.0
CROP = (96, 72)
ZOOM = 8  # a whole number of squares for every scale
GAP = 12


def main() -> int:
    """Run the demo; the exit status is that of the first command that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the stack running")
    keep: bool = parser.parse_args().keep
    try:
        with running_stack(keep=keep):
            upscale("photo", MEDIA / "photo.png", scale=4, look_at=(365, 275))
            frame = grab_frame(MEDIA / "bigbuckbunny.mp4", RESULTS / "bunny.png")
            upscale("bunny", frame, scale=2, look_at=(450, 105))
            submit("video.shots", MEDIA / "shots.mp4", name="shots")
            submit("audio.speech", MEDIA / "two_cities.wav", name="speech")
            show_results()
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


@contextmanager
def running_stack(*, keep: bool) -> Iterator[None]:
    RESULTS.mkdir(parents=True, exist_ok=True)
    orchestrator("up", "--detach", "--state", STATE, "--port", 0)
    try:
        yield
    finally:
        if keep:
            stack = json.loads((STATE / "stack.json").read_text())
            say(f"The stack goes on at {stack['api']}; this stops it: orchestrator down --state {STATE.name}")
        else:
            orchestrator("down", "--state", STATE)


def upscale(name: str, picture: Path, *, scale: int, look_at: tuple[int, int]) -> None:
    """Enlarge a picture, and lay what is around ``look_at`` in it beside the same place of the result."""
    submit("image.upscale", picture, "--param", f"scale={scale}", name=name)
    made = next((RESULTS / name).glob("*.png"))
    left, top = look_at[0] - CROP[0] // 2, look_at[1] - CROP[1] // 2
    box = (left, top, left + CROP[0], top + CROP[1])
    with Image.open(picture) as before, Image.open(made) as after:
        pairs = [(enlarge(before, box), "before"), (enlarge(after, tuple(scale * side for side in box)), f"x{scale}")]
    draw_side_by_side(pairs, RESULTS / f"{name}-before-after.png")


def submit(task_type: str, file: Path, *options: str, name: str) -> None:
    orchestrator("submit", task_type, file, *options, "--watch", "--out", RESULTS / name, "--state", STATE)


def orchestrator(*words: object) -> None:
    """Run one command of the command line, showing it first."""
    arguments = [str(word) for word in words]
    shown = [word.replace(f"{ROOT}/", "") for word in arguments]
    say(f"$ {shlex.join(['orchestrator', *shown])}")
    subprocess.run([sys.executable, "-m", "orchestrator", *arguments], check=True)


def grab_frame(film: Path, target: Path) -> Path:
    """Save the frame that is shown ``FRAME_AT_S`` into the film."""
    with av.open(str(film)) as opened:
        frame = next(frame for frame in opened.decode(video=0) if (frame.time or 0.0) >= FRAME_AT_S)
        Image.fromarray(frame.to_ndarray(format="rgb24")).save(target)
    return target


def enlarge(picture: Image.Image, box: tuple[int, ...]) -> Image.Image:
    """The part of the picture in ``box``, every pixel of it a square, for the eye to compare."""
    size = (CROP[0] * ZOOM, CROP[1] * ZOOM)
    return picture.convert("RGB").resize(size, Image.Resampling.NEAREST, box=(box[0], box[1], box[2], box[3]))


def draw_side_by_side(pictures: Sequence[tuple[Image.Image, str]], target: Path) -> None:
    width, height = pictures[0][0].size
    sheet = Image.new("RGB", ((width + GAP) * len(pictures) - GAP, height), "white")
    pen = ImageDraw.Draw(sheet)
    for column, (picture, title) in enumerate(pictures):
        left = column * (width + GAP)
        sheet.paste(picture, (left, 0))
        pen.rectangle((left, 0, left + 60, 20), fill="black")
        pen.text((left + 8, 4), title, fill="white")
    sheet.save(target)


def show_results() -> None:
    say("What came back:")
    for file in sorted(RESULTS.rglob("*")):
        if file.is_file():
            say(f"  {file.relative_to(ROOT)}  {file.stat().st_size:,} bytes")


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
