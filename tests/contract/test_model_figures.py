"""Triton's own counters of each release, as the running server shows them."""

from contextlib import closing

import numpy as np
import pytest
from processes import wait_for
from servers import Triton

from orchestrator.adapters.triton.engine import TritonEngine
from orchestrator.adapters.triton.figures import TritonFigures
from orchestrator.domain.errors import Category, Unavailable
from orchestrator.local.loopback import pick_ports
from orchestrator.ports.model_figures import Figures


def test_what_a_model_has_answered_is_counted(triton_server: Triton) -> None:
    with (
        closing(TritonEngine(triton_server.grpc)) as engine,
        closing(TritonFigures(triton_server.metrics_url)) as shown,
    ):

        def answered() -> Figures:
            return shown.read()["echo"].since(before)

        before = shown.read().get("echo", Figures())
        tensors = {"input": np.zeros((2, 8), np.uint8)}
        for _ in range(3):
            engine.submit("echo", tensors, outputs=("output",)).result(5)
        wait_for(lambda: answered().succeeded == 3)
        assert (answered().inferences, answered().failed, answered().pending) == (6, 0, 0)
        assert answered().request_s >= answered().infer_s > 0


def test_a_server_that_is_away_is_unavailable() -> None:
    with closing(TritonFigures(f"http://127.0.0.1:{pick_ports(1)[0]}/metrics")) as shown:
        with pytest.raises(Unavailable) as caught:
            shown.read()
        assert caught.value.category is Category.NETWORK
