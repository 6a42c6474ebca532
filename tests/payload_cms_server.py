"""The real PayloadCMS for tests: the one of `orchestrator up --payload`, with saves that take their time."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import servers

from orchestrator.local.loopback import pick_ports
from orchestrator.local.payload import (
    NodeMissing,
    PayloadProject,
    find_node,
    payload_command,
    payload_environment,
    probe_payload,
)

HOOK_DELAY_MS = 20


@dataclass(kw_only=True)
class Payload(servers.Server):
    """PayloadCMS: ``url`` is without the path of its API."""

    url: str
    api_key: str


def has_node() -> bool:
    """Whether a Payload can run here; whether it does is not a question then."""
    try:
        find_node()
    except NodeMissing:
        return False
    return True


@contextmanager
def payload(
    folder: Path,
    *,
    id_type: str = "number",
    api_path: str = "/api",
    key_collection: str = "users",
    port: int | None = None,
    node: Mapping[str, str] | None = None,
) -> Iterator[Payload]:
    """A PayloadCMS with its data in ``folder``. Saves take a while longer, so that requests interleave as with
    Postgres or MongoDB (payload facts 3, Concurrency). ``node`` is what its plugin is told of the node.

    Raises:
        NodeMissing: it cannot run on this machine.
        StackError: it is not installed yet; the message says how.
    """
    port, key = port or pick_ports(1)[0], secrets.token_hex(16)
    url = f"http://127.0.0.1:{port}"
    server = Payload(
        command=(
            *payload_command(PayloadProject(servers.ROOT), folder=folder / "payload", port=port),
            *("--hook-delay", str(HOOK_DELAY_MS), "--id-type", id_type, "--log-level", "error"),
            *("--api-path", api_path, "--key-collection", key_collection),
        ),
        log=folder / "payload.log",
        probe=lambda _pid: probe_payload(f"{url}{api_path}"),
        env=payload_environment(secret=secrets.token_hex(16), api_key=key, **(node or {})),
        url=url,
        api_key=key,
    )
    with server:
        yield server
