"""What Triton counts, as we read it."""

from orchestrator.adapters.triton.figures import parse_figures
from orchestrator.ports.model_figures import Figures

SHOWN = """
# HELP nv_inference_request_success Number of successful inference requests, all batch sizes
# TYPE nv_inference_request_success counter
nv_inference_request_success{model="echo",version="1"} 12
nv_inference_request_success{model="echo@2",version="2"} 3
# TYPE nv_inference_request_failure counter
nv_inference_request_failure{model="echo",reason="REJECTED",version="1"} 4
nv_inference_request_failure{model="echo",reason="CANCELED",version="1"} 5
nv_inference_request_failure{model="echo",reason="BACKEND",version="1"} 1
nv_inference_request_failure{model="echo",reason="OTHER",version="1"} 2
# TYPE nv_inference_count counter
nv_inference_count{model="echo",version="1"} 24
# TYPE nv_inference_exec_count counter
nv_inference_exec_count{model="echo",version="1"} 6
# TYPE nv_inference_request_duration_us counter
nv_inference_request_duration_us{model="echo",version="1"} 1500000
# TYPE nv_inference_pending_request_count gauge
nv_inference_pending_request_count{model="echo",version="1"} 7
# TYPE nv_cpu_utilization gauge
nv_cpu_utilization 0.5
"""


def test_each_release_has_its_own_and_a_cancel_is_no_failure() -> None:
    echo = Figures(succeeded=12, failed=3, rejected=4, inferences=24, executions=6, pending=7, request_s=1.5)
    assert parse_figures(SHOWN) == {"echo": echo, "echo@2": Figures(succeeded=3)}


def test_what_came_since() -> None:
    before = Figures(succeeded=10, executions=8, pending=3, request_s=1.0)
    now = Figures(succeeded=12, executions=9, pending=7, request_s=1.5)
    assert now.since(before) == Figures(succeeded=2, executions=1, pending=7, request_s=0.5)
    assert now.since(Figures(succeeded=13)) == now, "a server that began anew"
