"""Load of three projects: in two of them people wait for each result, the third floods the node after a while.

Every task type, by weight. The stack is `--host` with an admin key in ORCH_API_KEY, or that of ORCH_STATE
(`.orchestrator`). `--tags echo` asks for one type. At the end comes a table of what each project waited and got.
"""

import io
import json
import logging
import math
import os
import random
import sys
import time
import wave
from array import array
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import av
import gevent
import numpy as np
from locust import HttpUser, between, constant_throughput, events, tag, task
from PIL import Image
from tenants import Office, parse_spell, render_table

TERMINAL = frozenset({"succeeded", "failed", "canceled"})
POLL_S = 0.2
GIVE_UP_S = 300
NO_KEY = {"Authorization": None}  # a presigned URL is the credential, and storage refuses a second one
SCENE_FRAMES = 25
USUAL_RUN_S = 60
QUIET_PART = 1 / 3  # of the run, before the flood
FLOOD_PER_S, FLOOD_QUEUED = 20, 500


@events.init.add_listener  # type: ignore[untyped-decorator]  # locust has no types here
def find_stack(environment: Any, **_more: Any) -> None:  # noqa: ANN401 - locust has no types
    """Fill in what the command line left open from the stack's own file."""
    stack: dict[str, Any] = {}
    file = Path(os.environ.get("ORCH_STATE", ".orchestrator")) / "stack.json"
    if file.is_file():
        stack = json.loads(file.read_text())
    environment.host = environment.host or stack.get("api")
    environment.api_key = os.environ.get("ORCH_API_KEY") or stack.get("api_key")


@events.test_start.add_listener  # type: ignore[untyped-decorator]  # locust has no types here
def open_projects(environment: Any, **_more: Any) -> None:  # noqa: ANN401 - locust has no types
    """A key for each project, and the moments at which the load and the flood begin."""
    if not (environment.host and environment.api_key):
        sys.exit("no stack: set ORCH_STATE to the folder of a running one, or --host and an admin key in ORCH_API_KEY")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    quiet_s = QUIET_PART * (environment.parsed_options.run_time or USUAL_RUN_S)
    environment.begun_at = datetime.now(UTC)
    environment.flood_at = environment.begun_at + timedelta(seconds=quiet_s)
    environment.office = office = Office(environment.host, environment.api_key)
    environment.keys = {user.project: office.open(user.project, **user.quotas) for user in (FilmA, FilmB, Flood)}


@events.test_stop.add_listener  # type: ignore[untyped-decorator]  # locust has no types here
def tell(environment: Any, **_more: Any) -> None:  # noqa: ANN401 - locust has no types
    """The table, beside the figures that locust prints; then nothing of the load is left waiting."""
    office, flood_at, found = environment.office, environment.flood_at, {}
    for project, key in environment.keys.items():
        tasks = office.tasks(key, since=environment.begun_at)
        found[project] = [parse_spell(each, flood_at=flood_at) for each in tasks]
    sys.stderr.write(render_table(found) + "\n\n")
    for key in environment.keys.values():
        office.close(key)


class Client(HttpUser):
    """One person, who waits for each result before asking for the next."""

    abstract = True
    project: str
    quotas: Mapping[str, int] = {}
    wait_time = between(0.1, 1.0)

    def on_start(self) -> None:
        self.client.headers["Authorization"] = f"Bearer {self.environment.keys[self.project].text}"
        self.uploaded: dict[str, str] = {}

    @tag("echo")
    @task(12)
    def echo(self) -> None:
        self.run_to_end("system.echo", {"params": {"size_bytes": random.choice((64, 4096, 65_536))}})

    @tag("picture")
    @task(4)
    def upscale(self) -> None:
        self.run_to_end("image.upscale", {"input": self.input("still.png", "image/png"), "params": {"scale": 2}})

    @tag("speech")
    @task(3)
    def speech(self) -> None:
        self.run_to_end("audio.speech", {"input": self.input("sound.wav", "audio/wav")})

    @tag("film")
    @task(1)
    def shots(self) -> None:
        self.run_to_end("video.shots", {"input": self.input("clip.mp4", "video/mp4")})

    def run_to_end(self, task_type: str, body: Mapping[str, Any]) -> None:
        """One task to its end, reported as one request named after its type, besides the HTTP requests it took."""
        begun = time.perf_counter()
        view = self.ask("POST /v1/tasks", body={"type": task_type, **body})
        deadline = begun + GIVE_UP_S
        while view["status"] not in TERMINAL and time.perf_counter() < deadline:
            gevent.sleep(POLL_S)
            view = self.ask(f"GET {view['links']['self']}", name="/v1/tasks/{id}")
        for output in view["outputs"]:
            self.client.get(output["url"], headers=NO_KEY, name="(output)")
        error = None if view["status"] == "succeeded" else RuntimeError(f"{view['status']}: {view['error']}")
        self.environment.events.request.fire(
            request_type="TASK",
            name=task_type,
            response_time=(time.perf_counter() - begun) * 1000,
            response_length=0,
            exception=error,
            context={},
        )

    def input(self, name: str, content_type: str) -> dict[str, str]:
        """The file in the project's storage, uploaded when it is first needed."""
        if name not in self.uploaded:
            data = MAKERS[name]()
            asked = {"filename": name, "content_type": content_type, "size_bytes": len(data)}
            offer = self.ask("POST /v1/uploads", body=asked)
            headers = {**offer["headers"], **NO_KEY}
            self.client.put(offer["url"], data=data, headers=headers, name="(upload)").raise_for_status()
            self.uploaded[name] = offer["object"]
        return {"object": self.uploaded[name]}

    def ask(self, call: str, *, body: Mapping[str, Any] | None = None, name: str | None = None) -> Any:  # noqa: ANN401 - JSON
        """The answer to ``call``, such as ``GET /v1/tasks``; a refusal ends this round of the user."""
        method, _, path = call.partition(" ")
        response = self.client.request(method, path, json=body, name=name or path)
        response.raise_for_status()
        return response.json()


class FilmA(Client):
    """Half of the people."""

    project = "load-film-a"


class FilmB(Client):
    """The other half."""

    project = "load-film-b"


class Flood(Client):
    """A script that submits as fast as it was told and looks at nothing, until it may queue no more."""

    project = "load-flood"
    quotas: Mapping[str, int] = {"max_queued": FLOOD_QUEUED}
    fixed_count = 2
    wait_time = constant_throughput(FLOOD_PER_S)

    def on_start(self) -> None:
        super().on_start()
        gevent.sleep(max(0.0, (self.environment.flood_at - datetime.now(UTC)).total_seconds()))

    def run_to_end(self, task_type: str, body: Mapping[str, Any]) -> None:
        wanted, name = {"type": task_type, **body}, "(flood) /v1/tasks"
        with self.client.post("/v1/tasks", json=wanted, name=name, catch_response=True) as answer:
            if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
                answer.success()  # as it should be


def make_picture() -> bytes:
    """A gradient of 96 × 64 pixels."""
    rows = np.linspace(0, 255, 64, dtype=np.uint8)[:, None, None]
    file = io.BytesIO()
    Image.fromarray(np.broadcast_to(rows, (64, 96, 3)).copy()).save(file, "PNG")
    return file.getvalue()


def make_sound() -> bytes:
    """Two seconds of a tone: nobody speaks."""
    samples = array("h", (int(8000 * math.sin(i / 12)) for i in range(32_000)))
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 16_000, len(samples), "NONE", "not compressed"))
        sound.writeframes(samples.tobytes())
    return file.getvalue()


def make_clip() -> bytes:
    """Two seconds: one grey, then another."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as film:
        stream = film.add_stream("mpeg4", rate=SCENE_FRAMES)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(2 * SCENE_FRAMES):
            grey = np.full((64, 96, 3), 40 if number < SCENE_FRAMES else 200, np.uint8)
            film.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        film.mux(stream.encode(None))
    return file.getvalue()


MAKERS = {"still.png": make_picture, "sound.wav": make_sound, "clip.mp4": make_clip}
