"""launch.py says in one sentence what is missing, and builds the command line the security notes promise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import launch
import pytest
import torch
from warden.pools import PoolError, Pools, count_gpus, read_pools


def arguments(folder: Path, *, repository: Path, key: str = "secret") -> list[str]:
    """Return a command line; the ports are never bound in these tests."""
    (folder / "key").write_text(key, encoding="utf-8")
    places = [f"--model-repository={repository}", f"--workdir={folder}", f"--control-key-file={folder}/key"]
    return [*places, "--http-port=1", "--grpc-port=2", "--metrics-port=3", "--warden-port=4"]


def test_a_missing_repository_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    command = [sys.executable, launch.__file__, *arguments(tmp_path, repository=tmp_path / "none")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr.splitlines() == [f"launch.py: the model repository {tmp_path}/none is not a folder"]


@pytest.mark.parametrize("key", ["", "two words", "a:b", "a=b", "a,b"])
def test_a_key_triton_would_misread_is_refused(tmp_path: Path, key: str) -> None:
    options = launch.parse_arguments(arguments(tmp_path, repository=tmp_path, key=key))
    with pytest.raises(launch.LaunchError, match="must hold one secret"):
        launch.serving_command(options, tmp_path, pools=Pools())


def test_control_is_explicit_restricted_and_on_loopback(tmp_path: Path) -> None:
    options = launch.parse_arguments([*arguments(tmp_path, repository=tmp_path), "--model", "a", "--model", "b"])
    command = launch.serving_command(options, tmp_path, pools=Pools())
    restricted = "model-repository,model-config,shared-memory,trace,logging,statistics:orchestrator-control=secret"
    assert {"--model-control-mode=explicit", "--load-model=a", "--load-model=b"} <= set(command)
    assert {f"--grpc-restricted-protocol={restricted}", f"--http-restricted-api={restricted}"} <= set(command)
    assert {f"--{part}-address=127.0.0.1" for part in ("http", "grpc", "metrics")} <= set(command)


def test_the_gpu_configs_are_served_where_torch_sees_a_gpu(tmp_path: Path) -> None:
    assert (count_gpus() > 0) is torch.cuda.is_available()
    options = launch.parse_arguments(arguments(tmp_path, repository=tmp_path))
    for gpus, is_told in ((0, False), (2, True)):
        assert (
            "--model-config-name=gpu" in launch.serving_command(options, tmp_path, pools=Pools(gpus=gpus))
        ) is is_told


def test_the_pools_are_as_the_settings_say_and_what_triton_takes_unasked_without_them() -> None:
    assert read_pools({"ORCH_MODELS__CUDA_POOL_MIB": ""}) == Pools(256, 64, 0, gpus=count_gpus())
    given = {
        "ORCH_MODELS__PINNED_POOL_MIB": "16",
        "ORCH_MODELS__CUDA_POOL_MIB": "0",
        "ORCH_MODELS__RESPONSE_CACHE_MIB": "8",
    }
    assert read_pools(given) == Pools(16, 0, 8, gpus=count_gpus())


def test_each_gpu_has_a_pool_and_a_cache_of_nothing_is_none() -> None:
    sizes = ("--pinned-memory-pool-byte-size=1048576", "--cuda-memory-pool-byte-size=0:2097152")
    assert Pools(1, 2, gpus=1).flags() == sizes
    assert Pools(1, 2, 3, gpus=2).flags() == (
        *sizes,
        "--cuda-memory-pool-byte-size=1:2097152",
        "--cache-config=local,size=3145728",
    )


@pytest.mark.parametrize("size", ["1.5", "-1", "²", "64 MiB"])
def test_a_size_that_is_no_number_of_mib_is_one_sentence(size: str) -> None:
    with pytest.raises(PoolError, match="ORCH_MODELS__PINNED_POOL_MIB must be a whole number of MiB, not "):
        read_pools({"ORCH_MODELS__PINNED_POOL_MIB": size})


def test_the_folders_of_the_driver_stay_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers made for GPUs name them in LD_LIBRARY_PATH."""
    monkeypatch.setenv("LD_LIBRARY_PATH", "/usr/local/nvidia/lib64")
    environment = launch.server_environment(tmp_path / "site" / "pytriton" / "tritonserver", tmp_path / "lib")
    assert environment["LD_LIBRARY_PATH"].split(":")[1:] == [f"{tmp_path}/lib", "/usr/local/nvidia/lib64"]


def test_the_stub_finds_this_python_and_no_foreign_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    environment = launch.server_environment(tmp_path / "site" / "pytriton" / "tritonserver", tmp_path / "lib")
    assert environment["PATH"].split(":")[0] == str(Path(sys.executable).parent)
    assert environment["LD_LIBRARY_PATH"] == f"{tmp_path}/site/nvidia_pytriton.libs:{tmp_path}/lib"
    assert "PYTHONPATH" not in environment


def test_backends_are_laid_out_as_copies(tmp_path: Path) -> None:
    stale = tmp_path / "backends" / "gone"
    stale.mkdir(parents=True)
    launch.assemble_backends(launch.find_wheel(), tmp_path / "backends")
    assert not stale.exists()
    assert {path.name for path in (tmp_path / "backends").iterdir()} == {"python", "onnxruntime", "pytorch"}
    assert (tmp_path / "backends" / "python" / "triton_python_backend_stub").is_file()
    for name in ("onnxruntime", "pytorch"):
        assert {path.name for path in (tmp_path / "backends" / name).iterdir()} == {"model.py", "model_instance.py"}
    assert not any(path.is_symlink() for path in (tmp_path / "backends").rglob("*"))
