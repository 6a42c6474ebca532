"""The limit of `image.upscale`: processes that do only the inference, each with a session of one thread.

Runs in .venv-triton: `bare_inference.py MODEL --side N --pictures M --processes P`, prints pictures a second.
"""

import argparse
import multiprocessing
import time
from multiprocessing.synchronize import Barrier

import numpy as np
import onnxruntime

WARM_UPS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--side", type=int, required=True)
    parser.add_argument("--pictures", type=int, required=True)
    parser.add_argument("--processes", type=int, required=True)
    options = parser.parse_args()
    share = options.pictures // options.processes
    barrier = multiprocessing.Barrier(options.processes + 1)
    workers = [
        multiprocessing.Process(
            target=infer, args=(options.model, barrier), kwargs={"side": options.side, "count": share}
        )
        for _ in range(options.processes)
    ]
    for worker in workers:
        worker.start()
    barrier.wait()
    begun = time.perf_counter()
    for worker in workers:
        worker.join()
    print(share * options.processes / (time.perf_counter() - begun))


def infer(model: str, barrier: Barrier, *, side: int, count: int) -> None:
    """Load, warm up, wait for the others, then run ``count`` times."""
    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads = session_options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, session_options, providers=["CPUExecutionProvider"])
    picture = np.random.default_rng(side).integers(0, 256, (1, 3, side, side), np.uint8)
    for _ in range(WARM_UPS):
        session.run(None, {"image": picture})
    barrier.wait()
    for _ in range(count):
        session.run(None, {"image": picture})


if __name__ == "__main__":
    main()
