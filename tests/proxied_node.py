"""Our own processes on the real servers, with a fault proxy before each server. Nobody restarts them."""

import functools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import httpx
import redis
from fault_proxy import FaultProxy, fault_proxy
from http_faults import HttpFaults
from live_stack import DRAIN_S, SHORT_TIMES
from redis_faults import RedisFaults, RedisScreen
from servers import SeaweedFs, Server, Triton, Valkey
from strict_r2 import R2Memory, R2Screen
from verdict import Store

from orchestrator.local.addresses import Ports, describe_stack
from orchestrator.local.credentials import Credentials
from orchestrator.local.loopback import pick_ports
from orchestrator.local.own import own_environment, own_parts
from orchestrator.local.stack_file import Stack

LANE = "io"


@dataclass(frozen=True)
class Servers:
    """The real ones."""

    valkey: Valkey
    s3: SeaweedFs
    triton: Triton


@dataclass(frozen=True)
class Outside:
    """The fault proxies before the servers, and what they do to single requests."""

    redis: FaultProxy
    s3: FaultProxy
    triton: FaultProxy
    redis_faults: RedisFaults
    s3_faults: HttpFaults


@dataclass(frozen=True)
class ProxiedNode:
    """An API, a keeper and a worker. The test itself looks at the store past the proxy."""

    servers: Servers
    outside: Outside
    about: Stack
    processes: Mapping[str, Server]

    @functools.cached_property
    def http(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.about.api_key}"}
        return httpx.Client(base_url=self.about.api, headers=headers, timeout=30)

    @functools.cached_property
    def store(self) -> Store:
        return cast("Store", redis.Redis.from_url(self.servers.valkey.url, decode_responses=True))

    @functools.cached_property
    def admin(self) -> redis.Redis:
        """The same store, for what operators do to it."""
        return redis.Redis.from_url(self.servers.valkey.url, decode_responses=True)

    @property
    def worker(self) -> int:
        """The pid of the worker's parent."""
        return self.processes[f"worker-{LANE}"].process.pid

    @property
    def given_up(self) -> list[str]:
        """Our processes that have ended, which none should, or will as soon as their children have."""
        return [
            name
            for name, server in self.processes.items()
            if server.process.poll() is not None or "Unrecoverable error" in server.log.read_text()
        ]


@contextmanager
def outside_of(servers: Servers) -> Iterator[Outside]:
    redis_faults, s3_faults = RedisFaults(), HttpFaults()
    with (
        fault_proxy(servers.valkey.port, partial(RedisScreen, redis_faults)) as redis_proxy,
        fault_proxy(int(servers.s3.endpoint.rpartition(":")[2]), partial(R2Screen, R2Memory(), s3_faults)) as s3_proxy,
        fault_proxy(servers.triton.ports.grpc) as triton_proxy,
    ):
        yield Outside(redis_proxy, s3_proxy, triton_proxy, redis_faults, s3_faults)


@contextmanager
def proxied_node(
    folder: Path, servers: Servers, *, lane: str = LANE, children: int = 2, env: Mapping[str, str] | None = None
) -> Iterator[ProxiedNode]:
    """A node with short times that works on one lane, by default that of echoes; its files are in ``folder``.

    ``env`` are more settings.
    """
    with outside_of(servers) as outside, ExitStack() as running:
        about, ports = describe_node(servers, outside)
        settings = {
            **own_environment(about, ports),
            **SHORT_TIMES,
            "ORCH_API__KEY_PEPPER": "pepper-of-a-node-in-tests",
            "ORCH_TRITON__CONTROL_KEY": servers.triton.control_key,
            "ORCH_WORKER__CONCURRENCY": str(children),
            "ORCH_WORKER__SCRATCH_DIR": str(folder / "scratch"),
            **(env or {}),
        }
        processes = {
            part.name: Server(command=part.command, log=folder / f"{part.name}.log", probe=part.probe, env=part.env)
            for part in own_parts(about, lanes=(lane,), env=settings, drain_s=DRAIN_S)
            if part.name != "metrics"
        }
        for process in processes.values():
            running.enter_context(process)
        node = ProxiedNode(servers, outside, about, processes)
        with node.http, closing(node.store), node.admin:
            yield node


def describe_node(servers: Servers, outside: Outside) -> tuple[Stack, Ports]:
    """What `orchestrator up` would say of a stack whose servers are the proxies."""
    api, worker_metrics, keeper_metrics, payload = pick_ports(4)
    ports = Ports(
        api=api,
        redis=outside.redis.port,
        triton=replace(servers.triton.ports, grpc=outside.triton.port),
        worker_metrics=worker_metrics,
        keeper_metrics=keeper_metrics,
        payload=payload,
        s3=(outside.s3.port,),
    )
    credentials = Credentials(
        s3_access_key_id=servers.s3.access_key_id, s3_secret_access_key=servers.s3.secret_access_key
    )
    return describe_stack(ports, credentials), ports
