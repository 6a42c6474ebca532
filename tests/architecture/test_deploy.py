"""The compose file, Prometheus and the program agree. None is started here (docs/operations.md, What was not run)."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from orchestrator.cli.app import build_cli
from orchestrator.domain.lane import LANE_SLOTS
from orchestrator.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.gpu.yml"
POOLS = {f"ORCH_MODELS__{pool}_MIB" for pool in ("PINNED_POOL", "CUDA_POOL", "RESPONSE_CACHE")}
HARMLESS_DEFAULTS = {"API_PORT", "ORCH_ENV_FILE", "PIP_ARGS", "REDIS_MAXMEMORY"} | POOLS


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


def test_every_service_of_ours_runs_a_command_that_exists(services: dict[str, dict[str, Any]]) -> None:
    commands = typer.main.get_command(build_cli()).commands  # type: ignore[attr-defined]  # a group, typed as a command
    ours = [service["command"][0] for service in services.values() if service["image"] == "orchestrator:0.1.0"]
    assert set(ours) == {"api", "keeper", "worker", "metrics"}
    assert set(ours) <= set(commands)


def test_every_worker_is_asked_whether_it_lives(services: dict[str, dict[str, Any]]) -> None:
    commands = typer.main.get_command(build_cli()).commands  # type: ignore[attr-defined]  # a group, typed as a command
    for lane in LANE_SLOTS:
        *_, command = services[f"worker-{lane}"]["healthcheck"]["test"]
        assert command in commands


def test_every_lane_has_a_worker_and_its_metrics(services: dict[str, dict[str, Any]]) -> None:
    for lane in LANE_SLOTS:
        assert services[f"worker-{lane}"]["command"] == ["worker", "--lane", lane]
        (samples,) = services[f"metrics-{lane}"]["volumes"]
        assert samples in services[f"worker-{lane}"]["volumes"]


def test_prometheus_scrapes_what_the_services_serve(services: dict[str, dict[str, Any]]) -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    static = [entry for scraped in config["scrape_configs"] for entry in scraped["static_configs"]]
    targets = {target for entry in static for target in entry["targets"]}
    defaults = Settings.model_construct()
    assert targets == {
        f"api:{services['api']['environment']['ORCH_API__METRICS_PORT']}",
        f"keeper:{defaults.keeper.metrics_port}",
        *(f"metrics-{lane}:{defaults.worker.metrics_port}" for lane in LANE_SLOTS),
        "triton:8002",
    }
    assert {target.partition(":")[0] for target in targets} <= set(services)


def test_redis_keeps_what_it_acknowledges(services: dict[str, dict[str, Any]]) -> None:
    assert {"--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction"} <= set(
        services["redis"]["command"]
    )


def test_a_worker_has_longer_to_stop_than_it_may_drain(services: dict[str, dict[str, Any]]) -> None:
    grace_s = int(services["worker-video"]["stop_grace_period"].removesuffix("s"))
    assert grace_s > Settings.model_construct().worker.drain.total_seconds()


def test_no_secret_has_a_default() -> None:
    defaulted = set(re.findall(r"\$\{(\w+):?-", COMPOSE.read_text()))
    assert defaulted == HARMLESS_DEFAULTS


def test_only_the_front_door_and_loopback_are_published(services: dict[str, dict[str, Any]]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"api": ["${API_PORT:-8080}:8080"], "prometheus": ["127.0.0.1:9090:9090"]}


def test_triton_is_for_the_network_inside_and_cannot_write_to_its_stock_models(
    services: dict[str, dict[str, Any]],
) -> None:
    triton = services["triton"]
    assert triton["networks"] == ["inside"]
    assert "ports" not in triton
    assert triton["read_only"]
    assert [volume.partition(":")[2] for volume in triton["volumes"]] == ["/var/lib/triton"]
    serve = (ROOT / "triton" / "serve.sh").read_text()
    assert "--model-repository=/models " in serve
    closed = {"model-repository", "model-config", "shared-memory", "trace", "logging", "statistics"}
    (control,) = re.findall(r'^control="(.*):orchestrator-control=', serve, re.MULTILINE)
    assert set(control.split(",")) == closed
    assert '"--grpc-restricted-protocol=${control}"' in serve
    assert '"--http-restricted-api=${control}"' in serve
