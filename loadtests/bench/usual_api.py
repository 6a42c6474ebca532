"""The front of the usual build: FastAPI hands base64 pictures to Celery, and is polled for the result.

`usual_api.py --redis URL --port N`.
"""

from celery import Celery
from fastapi import FastAPI
from peer_server import serve_peer
from pydantic import BaseModel

TASK, QUEUE = "usual.upscale", "usual"


class Picture(BaseModel):
    """What a client sends."""

    picture: str


class Answer(BaseModel):
    """How far it is; the picture once it is there."""

    id: str
    status: str
    picture: str | None = None


def build_api(redis_url: str) -> FastAPI:
    celery, app = Celery(broker=redis_url, backend=redis_url), FastAPI()

    @app.post("/pictures", status_code=202)
    def submit(body: Picture) -> Answer:
        return Answer(id=celery.send_task(TASK, args=[body.picture], queue=QUEUE).id, status="PENDING")

    @app.get("/pictures/{name}")
    def look(name: str) -> Answer:
        found = celery.AsyncResult(name)
        status = found.state
        return Answer(id=name, status=status, picture=found.result if status == "SUCCESS" else None)

    return app


if __name__ == "__main__":
    serve_peer(build_api, about=__doc__)
