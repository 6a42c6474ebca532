"""Every command loads all of the command line, also a probe that comes every few seconds: it must cost little."""

import subprocess
import sys

HEAVY = {"boto3", "celery", "fastapi", "grpc", "numpy", "prometheus_client", "pydantic_settings", "redis", "structlog"}


def test_a_command_starts_without_what_only_servers_work_with() -> None:
    code = "import sys, orchestrator.cli.app; print(*sys.modules)"
    loaded = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True).stdout.split()
    assert "orchestrator.cli.app" in loaded
    assert not HEAVY & set(loaded)
