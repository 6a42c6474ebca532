"""Our own parts of the stack: plain `orchestrator …` commands, configured by `ORCH_*` alone, as in the containers."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import redis

from orchestrator.local.addresses import Ports
from orchestrator.local.loopback import probe_http
from orchestrator.local.part import CannotTell, NotReady, Part, Probe
from orchestrator.local.payload import show_tasks
from orchestrator.local.stack_file import PayloadAccess, Stack
from orchestrator.local.valkey import connect_valkey
from orchestrator.services.workers.tell_worker import WorkerSilent
from orchestrator.wiring.probe import build_tell_worker, name_instance

PROJECT = "demo"
SERVERS = frozenset({"redis", "s3", "triton"})


@dataclass(frozen=True, slots=True)
class AliveProbe:
    """Asks for the sign of life that a part without a port keeps in Redis for a few seconds."""

    redis_url: str
    part: str

    def __call__(self, pid: int) -> None:
        """Return once the process ``pid`` has given its sign.

        Raises:
            NotReady: it has not, or its last one is too old.
            CannotTell: Redis is away.
        """
        try:
            with connect_valkey(self.redis_url) as client:
                found = client.get(f"orch:alive:{name_instance(self.part, pid)}")
        except redis.RedisError as error:
            raise CannotTell(f"redis does not answer: {error}") from error
        if found is None:
            raise NotReady("no sign of life")


@dataclass(frozen=True, slots=True)
class WorkerProbe:
    """Asks for the sign that a worker leaves on its own node, as `orchestrator alive` does in a container."""

    scratch_dir: Path

    def __call__(self, pid: int) -> None:
        """Return once the worker ``pid`` listens.

        Raises:
            NotReady: it has given no sign, or not for long.
            CannotTell: it waits for the broker.
        """
        try:
            listens = build_tell_worker(self.scratch_dir).check(pid)
        except WorkerSilent as error:
            raise NotReady(str(error)) from error
        if not listens:
            raise CannotTell("waits for the broker")


def own_environment(stack: Stack, ports: Ports) -> Mapping[str, str]:
    """The settings by which every part of ours finds the others (`orchestrator/settings`)."""
    return {
        "ORCH_REDIS__URL": stack.redis,
        "ORCH_REDIS__BROKER_URL": stack.redis,
        "ORCH_S3__ENDPOINT": stack.s3.endpoint,
        "ORCH_S3__PUBLIC_ENDPOINT": stack.s3.endpoint,
        "ORCH_S3__BUCKET": stack.s3.bucket,
        "ORCH_S3__ACCESS_KEY_ID": stack.s3.access_key_id,
        "ORCH_S3__SECRET_ACCESS_KEY": stack.s3.secret_access_key,
        "ORCH_TRITON__GRPC": stack.triton.grpc,
        "ORCH_TRITON__METRICS_URL": stack.triton.metrics,
        "ORCH_TRITON__WARDEN_URL": stack.triton.warden,
        "ORCH_API__PORT": str(ports.api),
        "ORCH_WORKER__METRICS_PORT": str(ports.worker_metrics),
        "ORCH_KEEPER__METRICS_PORT": str(ports.keeper_metrics),
        "ORCH_API__ADMIN_KEY": stack.api_key,
        "ORCH_API__ADMIN_PROJECT": PROJECT,
        "ORCH_API__PUBLIC_URL": stack.api,
        # Who tries webhooks on a laptop has the receiver there, too.
        "ORCH_WEBHOOKS__ALLOW_HTTP": "true",
        "ORCH_WEBHOOKS__PRIVATE_NETWORKS": '["127.0.0.0/8", "::1/128"]',
        **_payload_environment(stack.payload),
    }


def _payload_environment(payload: PayloadAccess | None) -> Mapping[str, str]:
    if payload is None:
        return {}
    return {"ORCH_PAYLOAD__URL": payload.site, "ORCH_PAYLOAD__API_KEY": payload.api_key}


def own_parts(stack: Stack, *, lanes: Sequence[str], env: Mapping[str, str], drain_s: float) -> list[Part]:
    """The API, the keeper, the workers' metrics and a worker per lane."""
    part = partial(Part, env=env, needs=SERVERS)
    worker_probe = WorkerProbe(Path(env["ORCH_WORKER__SCRATCH_DIR"]))

    def signing(name: str, *words: str, probe: Probe, stop_grace_s: float = 10.0) -> Part:
        return part(name=name, command=_command(*words), probe=probe, alive=probe, stop_grace_s=stop_grace_s)

    def serving(name: str, *, probe: Probe, alive: str) -> Part:
        return part(name=name, command=_command(name), probe=probe, alive=lambda _pid: probe_http(alive))

    return [
        serving("api", probe=lambda _pid: _probe_api(stack), alive=f"{stack.api}/livez"),
        signing("keeper", "keeper", probe=AliveProbe(stack.redis, "keeper")),
        serving("metrics", probe=lambda _pid: probe_http(stack.metrics.workers), alive=stack.metrics.workers),
        *(
            signing(f"worker-{lane}", "worker", "--lane", lane, probe=worker_probe, stop_grace_s=drain_s + 5)
            for lane in lanes
        ),
    ]


def _probe_api(stack: Stack) -> None:
    probe_http(f"{stack.api}/readyz")
    if stack.payload is not None:
        show_tasks(stack.api, stack.api_key, project=PROJECT)


def _command(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "orchestrator", *words)
