"""The memory of Triton's GPUs, as Triton itself shows it to Prometheus: where no warden is (stack facts C.8)."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from orchestrator.adapters.triton.figures import client_for
from orchestrator.adapters.triton.status import SERVICE
from orchestrator.domain.errors import Category, Refused, Unavailable
from orchestrator.ports.warden import Memory

USED, TOTAL = "nv_gpu_memory_used_bytes", "nv_gpu_memory_total_bytes"


class TritonGpuMemory:
    """Implements `ports.warden.MemoryGauge` over the metrics at ``url``. What the host's memory holds it can't see."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = client_for(url)

    def read(self) -> Memory:
        """As the port promises.

        Raises:
            Refused: it has no GPU; only a warden could tell.
        """
        try:
            answer = self._client.get(self._url).raise_for_status()
        except httpx.HTTPError as error:
            message = "the inference server shows no metrics"
            raise Unavailable(message, service=SERVICE, category=Category.NETWORK) from error
        return parse_memory(answer.text)

    def close(self) -> None:
        self._client.close()


def parse_memory(text: str) -> Memory:
    """The sum over the GPUs."""
    sums = dict.fromkeys((USED, TOTAL), 0.0)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in sums:
                sums[sample.name] += sample.value
    if not sums[TOTAL]:
        message = "the inference server has no GPU whose memory it could tell, and no warden"
        raise Refused(message, service=SERVICE, category=Category.INTERNAL)
    return Memory(int(sums[USED]), int(sums[TOTAL]), host_bytes=0, is_gpu=True)
