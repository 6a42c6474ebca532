"""Lays out a stack: folders, credentials, and from them every part. Starts nothing."""

from pathlib import Path

from orchestrator.local.addresses import Ports, choose_ports, describe_stack
from orchestrator.local.credentials import Credentials, load_credentials
from orchestrator.local.loopback import probe_http
from orchestrator.local.own import own_environment, own_parts
from orchestrator.local.part import Part
from orchestrator.local.payload import PayloadProject, payload_command, payload_environment, probe_payload
from orchestrator.local.private_file import write_private
from orchestrator.local.seaweedfs import SeaweedFsProbe, seaweedfs_command, write_identities
from orchestrator.local.stack_file import Stack
from orchestrator.local.stack_options import StackOptions
from orchestrator.local.state_folder import StateFolder
from orchestrator.local.triton import TritonProject, triton_command
from orchestrator.local.valkey import probe_valkey, valkey_command


def plan_stack(options: StackOptions, state: StateFolder) -> tuple[Stack, list[Part]]:
    """What the stack will be, and the parts that make it.

    Raises:
        StackError: something that it needs is missing, or the port is taken.
    """
    ports = choose_ports(options.port, state.root / "ports.json")
    credentials = load_credentials(state.root / "credentials.json")
    stack = describe_stack(ports, credentials, payload=options.payload)
    key_file = state.root / "triton-control-key"
    write_private(key_file, credentials.triton_control_key)
    env = {
        **own_environment(stack, ports),
        "ORCH_API__KEY_PEPPER": credentials.key_pepper,
        "ORCH_RECEIPTS__SIGNING_KEY": credentials.receipt_key,
        "ORCH_TRITON__CONTROL_KEY": credentials.triton_control_key,
        "ORCH_WORKER__CONCURRENCY": str(options.workers),
        "ORCH_WORKER__SCRATCH_DIR": str(state.empty_folder("scratch")),
        "ORCH_WORKER__SPOOL_DIR": str(state.folder("spool")),
        "ORCH_WORKER__METRICS_DIR": str(state.empty_folder("metrics")),
    }
    return stack, [
        _redis_part(stack, ports, state=state),
        _s3_part(stack, ports, state=state),
        *_payload_parts(stack, ports, state=state, project=options.project, credentials=credentials),
        _triton_part(ports, project=TritonProject(options.project), workdir=state.folder("triton"), key_file=key_file),
        *own_parts(stack, lanes=options.lanes, env=env, drain_s=options.drain_s),
    ]


def _redis_part(stack: Stack, ports: Ports, *, state: StateFolder) -> Part:
    command = valkey_command(port=ports.redis, folder=state.folder("redis"))
    return Part("redis", command, probe=lambda _pid: probe_valkey(stack.redis))


def _s3_part(stack: Stack, ports: Ports, *, state: StateFolder) -> Part:
    access, identities = stack.s3, state.root / "s3.json"
    write_identities(identities, access_key_id=access.access_key_id, secret_access_key=access.secret_access_key)
    command = seaweedfs_command(folder=state.folder("s3"), identities=identities, ports=ports.s3)
    probe = SeaweedFsProbe(access.endpoint, access.bucket, access.access_key_id, access.secret_access_key)
    # It takes 15 to 24 s to stop by itself, and loses nothing when it is killed after two (stack facts H).
    return Part("s3", command, probe=probe, stop_grace_s=2)


def _payload_parts(
    stack: Stack, ports: Ports, *, state: StateFolder, project: Path, credentials: Credentials
) -> list[Part]:
    """One, or none if the stack has no Payload."""
    if stack.payload is None:
        return []
    url = stack.payload.url
    command = payload_command(PayloadProject(project), folder=state.folder("payload"), port=ports.payload)
    env = payload_environment(
        secret=credentials.payload_secret,
        api_key=credentials.payload_api_key,
        node_url=stack.api,
        node_key=stack.api_key,
    )

    def probe(_pid: int) -> None:
        probe_payload(url)

    return [Part("payload", command, probe=probe, env=env, alive=probe, silent_within_s=30)]


def _triton_part(ports: Ports, *, project: TritonProject, workdir: Path, key_file: Path) -> Part:
    command = triton_command(
        project,
        workdir=workdir,
        ports=ports.triton,
        control_key_file=key_file,
        models=project.built_models(),
    )
    ready = f"http://127.0.0.1:{ports.triton.http}/v2/health/ready"
    # On a cold disk torch alone has to read a gigabyte of libraries.
    return Part("triton", command, probe=lambda _pid: probe_http(ready), ready_within_s=180)
