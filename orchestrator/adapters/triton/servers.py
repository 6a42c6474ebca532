"""Every inference server that this process reaches: one channel each, made when it is first asked for."""

import threading
from collections.abc import Sequence

from orchestrator.adapters.triton.control import TritonControl
from orchestrator.adapters.triton.engine import TritonEngine
from orchestrator.ports.inference import InferenceServer


class TritonServers:
    """Calling it gives the server at an address; the first of ``addresses`` when that is empty.

    A run may be placed on one that is not among them: a keeper may know of servers that were added since.
    """

    def __init__(self, addresses: Sequence[str], *, control_key: str, deadline_s: float) -> None:
        self._first = addresses[0]
        self._control_key = control_key
        self._deadline_s = deadline_s
        self._servers: dict[str, InferenceServer] = {}
        self._lock = threading.Lock()

    def __call__(self, instance: str) -> InferenceServer:
        address = instance or self._first
        with self._lock:
            if address not in self._servers:
                engine = TritonEngine(address, deadline_s=self._deadline_s)
                control = TritonControl(address, control_key=self._control_key)
                self._servers[address] = InferenceServer(engine, control)
            return self._servers[address]
