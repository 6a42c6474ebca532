"""Triton's own counters, as it shows them to Prometheus (stack facts C.8)."""

from collections import defaultdict
from collections.abc import Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families

from orchestrator.adapters.triton.status import SERVICE
from orchestrator.domain.errors import Category, Unavailable
from orchestrator.ports.model_figures import Figures

ANSWER_WITHIN_S = 2.0
US = 1_000_000

# Triton's name, with the reason of a failure where there is one: ours, and how many of Triton's units one of ours is.
FIELDS: Mapping[tuple[str, str], tuple[str, int]] = {
    ("nv_inference_request_success", ""): ("succeeded", 1),
    ("nv_inference_request_failure", "BACKEND"): ("failed", 1),
    ("nv_inference_request_failure", "OTHER"): ("failed", 1),
    ("nv_inference_request_failure", "REJECTED"): ("rejected", 1),
    ("nv_inference_count", ""): ("inferences", 1),
    ("nv_inference_exec_count", ""): ("executions", 1),
    ("nv_inference_pending_request_count", ""): ("pending", 1),
    ("nv_inference_request_duration_us", ""): ("request_s", US),
    ("nv_inference_queue_duration_us", ""): ("queue_s", US),
    ("nv_inference_compute_infer_duration_us", ""): ("infer_s", US),
}


def client_for(url: str) -> httpx.Client:
    """No proxy of the environment gets between neighbours, and plain HTTP does not read all public authorities, which
    takes longer than anything else that is made at a start.
    """
    return httpx.Client(timeout=ANSWER_WITHIN_S, trust_env=False, verify=url.startswith("https:"))


class TritonFigures:
    """Implements `ports.model_figures.ModelFigures` over the metrics at ``url``."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = client_for(url)

    def read(self) -> Mapping[str, Figures]:
        try:
            answer = self._client.get(self._url).raise_for_status()
        except httpx.HTTPError as error:
            message = "the inference server shows no metrics"
            raise Unavailable(message, service=SERVICE, category=Category.NETWORK) from error
        return parse_figures(answer.text)

    def close(self) -> None:
        self._client.close()


def parse_figures(text: str) -> Mapping[str, Figures]:
    """By release. Triton counts each version of a model by itself; a release has one."""
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name.removesuffix("_total")
            field, unit = FIELDS.get((name, sample.labels.get("reason", "")), ("", 1))
            if field and "model" in sample.labels:
                sums[sample.labels["model"]][field] += sample.value / unit
    return {release: Figures(**found) for release, found in sums.items()}
