"""Starts the embedded Triton: lays out its backends in a working folder, then becomes its warden (ADR 0046).

Runs in .venv-triton. NVIDIA's container does not use this file: triton/serve.sh gives the same serving flags.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import NoReturn

from warden.keep import keep
from warden.pools import PoolError, Pools, read_pools
from warden.server import Server, make_repository, region_prefix

OUR_BACKENDS = Path(__file__).resolve().parent / "backends"
SHARED_MODULE = OUR_BACKENDS / "shared" / "model_instance.py"
# Clients send the secret in the gRPC header `triton-grpc-protocol-<name>`, the HTTP header `<name>` (stack facts H).
CONTROL_KEY_NAME = "orchestrator-control"
RESTRICTED = "model-repository,model-config,shared-memory,trace,logging,statistics"
EXIT_TIMEOUT_S = 5
KILL_AFTER_S = EXIT_TIMEOUT_S + 2  # within the ten seconds that a part of the stack has to stop
OUR_NAMES = ("onnxruntime", "pytorch")  # backends written in Python, as NVIDIA calls its native ones
# More than any tensor: glibc would map each one over 32 MiB anew and unmap it after, a tenth of a run in page faults.
KEPT_MEMORY_BYTES = 4 << 30


class LaunchError(Exception):
    """What is missing or wrong, in one sentence for the person who started us."""


def main(argv: list[str] | None = None) -> NoReturn:
    """Keep tritonserver and exit as it does, or say in one sentence why not and exit with status 2."""
    options = parse_arguments(argv)
    try:
        wheel = find_wheel()
        library = find_python_library()
        pools = read_pools(os.environ)
        command = serving_command(options, wheel, pools=pools)
        options.workdir.mkdir(parents=True, exist_ok=True)
        assemble_backends(wheel, options.workdir / "backends")
        control_key = read_control_key(options.control_key_file)
    except (LaunchError, PoolError, OSError) as error:
        sys.stderr.write(f"launch.py: {error}\n")
        sys.exit(2)
    # The stub puts the server's folder on sys.path, and torch probes for a package `triton` there (stack facts H).
    server = Server(command, server_environment(wheel, library), cwd=options.workdir, grace_s=KILL_AFTER_S)
    address, releases = ("127.0.0.1", options.warden_port), options.workdir / "releases"
    sys.exit(keep(server, address=address, control_key=control_key, releases=releases, pools=pools))


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model-repository", type=Path, required=True)
    parser.add_argument("--workdir", type=Path, required=True, help="folder of our own; its backends/ is rewritten")
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--grpc-port", type=int, required=True)
    parser.add_argument("--metrics-port", type=int, required=True)
    parser.add_argument("--warden-port", type=int, required=True)
    parser.add_argument("--control-key-file", type=Path, required=True, help="file holding the secret of model control")
    parser.add_argument("--model", action="append", default=[], help="a model to load at start; may be repeated")
    parser.add_argument("--log-verbose", type=int, default=0)
    return parser.parse_args(argv)


def find_wheel() -> Path:
    """Return the `tritonserver` folder of the installed nvidia-pytriton, without importing it."""
    spec = importlib.util.find_spec("pytriton")
    if spec is None or not spec.submodule_search_locations:
        raise LaunchError("nvidia-pytriton is not installed here: run this with .venv-triton/bin/python (make setup)")
    wheel = Path(spec.submodule_search_locations[0]) / "tritonserver"
    if not (wheel / "bin" / "tritonserver").is_file():
        raise LaunchError(f"nvidia-pytriton has no server for this platform: {wheel}/bin/tritonserver is missing")
    return wheel


def find_python_library() -> Path:
    """Return the folder of libpythonX.Y.so.1.0, which the stub loads; on Debian it is a package of its own."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    name = f"libpython{version}.so.1.0"
    folders = [sysconfig.get_config_var("LIBDIR"), f"/usr/lib/{sysconfig.get_config_var('MULTIARCH')}"]
    for folder in folders:
        if folder and (Path(folder) / name).is_file():
            return Path(folder)
    raise LaunchError(f"{name} was not found: install the package libpython{version}, or use a shared build of Python")


def assemble_backends(wheel: Path, target: Path) -> None:
    """Lay out the python backend and our two beside it; copied, as symlinked libraries are refused (stack facts H)."""
    stub = wheel / "python_backend_stubs" / f"{sys.version_info.major}.{sys.version_info.minor}"
    if not stub.is_dir():
        raise LaunchError(f"nvidia-pytriton has no stub for Python {stub.name}: use one of those in {stub.parent}")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(wheel / "backends" / "python", target / "python")
    shutil.copy2(stub / "triton_python_backend_stub", target / "python")
    for name in OUR_NAMES:
        (target / name).mkdir()
        shutil.copy2(OUR_BACKENDS / name / "model.py", target / name)
        shutil.copy2(SHARED_MODULE, target / name)


def serving_command(options: argparse.Namespace, wheel: Path, *, pools: Pools) -> list[str]:
    """Build tritonserver's command line: loopback, explicit model control behind the secret, nothing else loaded."""
    repository = options.model_repository.resolve()
    if not repository.is_dir():
        raise LaunchError(f"the model repository {repository} is not a folder")
    control = f"{RESTRICTED}:{CONTROL_KEY_NAME}={read_control_key(options.control_key_file)}"
    return [
        str(wheel / "bin" / "tritonserver"),
        f"--model-repository={repository}",
        f"--model-repository={make_repository(options.workdir / 'releases')}",
        "--model-control-mode=explicit",
        *(f"--load-model={name}" for name in options.model),
        # A model's configs/gpu.pbtxt, where it has one, instead of its config.pbtxt.
        *(["--model-config-name=gpu"] if pools.gpus else []),
        # Auto-complete would start an extra stub per model: 9.1 s to ready instead of 3.9 s (stack facts H).
        "--disable-auto-complete-config",
        f"--backend-directory={options.workdir.resolve() / 'backends'}",
        f"--cache-directory={wheel / 'caches'}",
        *pools.flags(),
        *(f"--backend-config={name},shm-region-prefix-name={region_prefix()}" for name in ("python", *OUR_NAMES)),
        "--http-address=127.0.0.1",
        f"--http-port={options.http_port}",
        "--grpc-address=127.0.0.1",
        f"--grpc-port={options.grpc_port}",
        "--metrics-address=127.0.0.1",
        f"--metrics-port={options.metrics_port}",
        "--allow-metrics=true",
        "--strict-readiness=true",
        # The gRPC restriction alone leaves unloading over HTTP open. Triton takes the secret on the command line
        # only, so on one host `ps` shows it: it keeps mistakes out, not a local user.
        f"--grpc-restricted-protocol={control}",
        f"--http-restricted-api={control}",
        # The other half of our clients' 30 s keepalive, else GOAWAY too_many_pings (stack facts C.5).
        "--grpc-keepalive-permit-without-calls=1",
        "--grpc-http2-min-recv-ping-interval-without-data=10000",
        f"--exit-timeout-secs={EXIT_TIMEOUT_S}",
        f"--log-verbose={options.log_verbose}",
        "--log-format=ISO8601",
    ]


def read_control_key(path: Path) -> str:
    """Read the secret; Triton splits the flag at `:` and `=`, so it may not hold them."""
    key = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    if not key or not all(letter.isalnum() or letter in "-_." for letter in key):
        raise LaunchError(f"the control key file {path} must hold one secret of letters, digits, '-', '_' and '.'")
    return key


def server_environment(wheel: Path, library: Path) -> dict[str, str]:
    """Build the server's environment; its stubs inherit it, and take their Python from PATH."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    libraries = wheel.parent.parent / "nvidia_pytriton.libs"
    inherited = os.environ.get("LD_LIBRARY_PATH", "")  # where some containers keep the driver's libraries
    return kept | {
        "LD_LIBRARY_PATH": ":".join(str(folder) for folder in (libraries, library, inherited) if folder),
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        "MALLOC_MMAP_THRESHOLD_": str(KEPT_MEMORY_BYTES),
        "MALLOC_TRIM_THRESHOLD_": str(KEPT_MEMORY_BYTES),
    }


if __name__ == "__main__":
    main()
