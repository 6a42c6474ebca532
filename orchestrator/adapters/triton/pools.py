"""Triton's own memory pools, as it shows them to Prometheus. Of the CUDA pool it shows nothing (stack facts C.8)."""

from collections.abc import Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families

from orchestrator.adapters.triton.figures import client_for
from orchestrator.adapters.triton.status import SERVICE
from orchestrator.domain.errors import Category, Unavailable

MEANINGS: Mapping[str, tuple[str, str]] = {
    "nv_pinned_memory_pool_used_bytes": ("pinned", "used"),
    "nv_pinned_memory_pool_total_bytes": ("pinned", "total"),
}


class TritonPools:
    """Read from the metrics at ``url``."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = client_for(url)

    def read(self) -> Mapping[tuple[str, str], int]:
        """Bytes by pool and by what, used or total.

        Raises:
            Unavailable: the server does not answer.
        """
        try:
            answer = self._client.get(self._url).raise_for_status()
        except httpx.HTTPError as error:
            message = "the inference server shows no metrics"
            raise Unavailable(message, service=SERVICE, category=Category.NETWORK) from error
        return parse_pools(answer.text)


def parse_pools(text: str) -> Mapping[tuple[str, str], int]:
    """The sum of what Triton shows of each."""
    sums: dict[tuple[str, str], int] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if meaning := MEANINGS.get(sample.name):
                sums[meaning] = sums.get(meaning, 0) + int(sample.value)
    return sums
