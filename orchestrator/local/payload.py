"""The embedded PayloadCMS: a real Payload 3 on SQLite, served by Node (integrations/payload-plugin/dev)."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from orchestrator.local.loopback import probe_http
from orchestrator.local.part import NotReady, StackError

NODE = (20, 9)
COLLECTION = "inference-jobs"


class NodeMissing(StackError):
    """There is no Node.js that can run Payload."""

    code = "node_missing"


def find_node() -> str:
    """The `node` of the PATH.

    Raises:
        NodeMissing: there is none, or it is too old.
    """
    needed = f"PayloadCMS needs Node.js {NODE[0]}.{NODE[1]} or newer"
    node = shutil.which("node")
    if node is None:
        raise NodeMissing(f"{needed}: there is no `node` on the PATH")
    said = subprocess.run((node, "--version"), capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - found above
    version = re.fullmatch(r"v(\d+)\.(\d+)\..*", said)
    if version is None or (int(version[1]), int(version[2])) < NODE:
        raise NodeMissing(f"{needed}: {node} is {said or 'broken'}")
    return node


@dataclass(frozen=True, slots=True)
class PayloadProject:
    """The folder that holds `integrations/`."""

    root: Path

    @property
    def server(self) -> Path:
        return self.root / "integrations" / "payload-plugin" / "dev" / "server.mjs"

    def require_packages(self) -> None:
        """Return when what the server imports is installed.

        Raises:
            StackError: it is not; the message says how.
        """
        packages = self.server.parents[1] / "node_modules"
        for needed in (self.server, packages / "payload" / "package.json"):
            if not needed.exists():
                raise StackError(f"{needed} is missing: run `make setup`, or set ORCH_PROJECT_DIR")


def payload_command(project: PayloadProject, *, folder: Path, port: int) -> tuple[str, ...]:
    """The command line of a Payload with its data in ``folder``.

    Raises:
        NodeMissing, StackError: it cannot run here; the message says what is missing.
    """
    node = find_node()
    project.require_packages()
    return (node, str(project.server), "--data", str(folder), "--port", str(port))


def payload_environment(
    *, secret: str, api_key: str, node_url: str = "", node_key: str = "", webhook_secret: str = ""
) -> Mapping[str, str]:
    """``secret`` signs its keys, so another one ends them; ``api_key`` is the first user's, and so its password.

    ``node_url`` and ``node_key`` are where its plugin submits to, ``webhook_secret`` what it hears; empty is nowhere.
    """
    return {
        "PAYLOAD_SECRET": secret,
        "PAYLOAD_API_KEY": api_key,
        "ORCHESTRATOR_URL": node_url,
        "ORCHESTRATOR_API_KEY": node_key,
        "ORCHESTRATOR_WEBHOOK_SECRET": webhook_secret,
        "NO_COLOR": "1",
    }


def probe_payload(url: str) -> None:
    """Return once the REST API under ``url`` answers; this question needs no key.

    Raises:
        NotReady: it does not.
    """
    probe_http(f"{url}/access")


def show_tasks(api: str, api_key: str, *, project: str) -> None:
    """Return once the project's tasks are shown in Payload; where somebody has chosen a collection, it stays.

    Raises:
        NotReady: the API does not do so yet.
    """
    headers = {"Authorization": f"Bearer {api_key}"}
    try:
        with httpx.Client(base_url=api, headers=headers, timeout=2, verify=False) as client:  # noqa: S501 - loopback
            known = client.get(f"/v1/projects/{project}").raise_for_status().json()
            if known["payload_collection"] is None:
                body = {"payload_collection": COLLECTION}
                client.patch(f"/v1/projects/{project}", json=body).raise_for_status()
    except httpx.HTTPError as error:
        raise NotReady(f"does not show tasks in Payload: {error}") from error
