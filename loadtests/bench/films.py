"""Memory of a worker on a film ten times as long: nothing may grow with the length but a number or two per frame."""

import io
from pathlib import Path

import av
from figures import BenchmarkVoid, Goal, Ratio, Run
from shots import MEDIA
from stack import Stack, run_task, running_stack, upload

LANE = "video"
TIMES = 10
KIB_PER_MIB = 1024


def measure_films(*, children: int, rounds: int) -> list[Ratio]:
    """The peak of the one child after the short film, and after the long one: a fresh child in every round."""
    del children  # one child, so that both films meet in it
    short = (MEDIA / "bigbuckbunny.mp4").read_bytes()
    long = repeat_film(MEDIA / "bigbuckbunny.mp4", times=TIMES)
    runs: list[Run] = []
    for _ in range(rounds):
        with running_stack(lanes=LANE, workers=1) as stack:
            frames = find_shots(stack, short)
            short_mib = peak_mib(stack)
            if find_shots(stack, long) != TIMES * frames:
                raise BenchmarkVoid("the long film is not ten times the short one")
            runs.append(Run(ours=peak_mib(stack), peer=short_mib))
    return [Ratio("film_memory", "MiB", Goal(1.1, at_least=False), runs)]


def find_shots(stack: Stack, film: bytes) -> int:
    """Run the task; the number of frames that it saw."""
    with stack.client() as client:
        key = upload(client, film, filename="film.mp4", content_type="video/mp4")
    with stack.plain_client() as client:
        task = run_task(client, {"type": "video.shots", "input": {"object": key}}, poll_s=0.2)
    frames: int = task["result"]["frames"]
    return frames


def peak_mib(stack: Stack) -> float:
    """The most that the worker's child ever held (proc(5), VmHWM)."""
    parent = stack.processes[f"worker-{LANE}"]
    (child,) = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    status = dict(line.split(":", 1) for line in Path(f"/proc/{child}/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / KIB_PER_MIB


def repeat_film(path: Path, *, times: int) -> bytes:
    """The pictures of the film several times over, its packets copied as they are."""
    film = io.BytesIO()
    with av.open(str(path)) as source, av.open(film, "w", format="mp4") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        shift = 0
        for _ in range(times):
            source.seek(0)
            end = 0
            for packet in source.demux(video=0):
                if packet.dts is None or packet.pts is None:
                    continue  # the end of the stream
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                end = max(end, packet.pts + (packet.duration or 0))
                packet.stream = stream
                target.mux(packet)
            shift = end
    return film.getvalue()
