"""The worker of the usual build: Celery children that hold the ONNX model themselves, pictures in base64.

Runs in .venv-triton with what `usual_build.py` installed beside: `usual_worker.py MODEL --redis URL --children N`.
"""

import argparse
import base64
import io
from functools import cache

import numpy as np
import onnxruntime
from celery import Celery
from PIL import Image

TASK, QUEUE = "usual.upscale", "usual"
PNG_LEVEL = 1  # as ours; with Pillow's own, 6, the peer would lose by that alone


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--redis", required=True)
    parser.add_argument("--children", type=int, required=True)
    options = parser.parse_args()
    app = Celery(broker=options.redis, backend=options.redis)
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        broker_connection_retry_on_startup=True,
        result_expires=3600,
        task_default_queue=QUEUE,
    )

    def upscale(encoded: str) -> str:
        return upscale_picture(open_session(options.model), encoded)

    app.task(name=TASK)(upscale)
    arguments = ["--quiet", "worker", f"--concurrency={options.children}", "--loglevel=warning"]
    app.worker_main([*arguments, "--without-gossip", "--without-mingle"])


@cache
def open_session(model: str) -> onnxruntime.InferenceSession:
    """Once per child: one thread each, as many children as cores."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def upscale_picture(session: onnxruntime.InferenceSession, encoded: str) -> str:
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        pixels = np.asarray(image.convert("RGB"))
    (upscaled,) = session.run(None, {"image": np.ascontiguousarray(pixels.transpose(2, 0, 1))[np.newaxis]})
    png = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(upscaled[0].transpose(1, 2, 0))).save(png, "PNG", compress_level=PNG_LEVEL)
    return base64.b64encode(png.getvalue()).decode()


if __name__ == "__main__":
    main()
