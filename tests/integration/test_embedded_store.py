"""The embedded SeaweedFS keeps room for more than the bucket: a filer that cannot write its own log stands still."""

import shutil
from pathlib import Path

import httpx
import servers

from orchestrator.local.seaweedfs import VOLUME_MB


def test_the_bucket_leaves_volumes_for_the_filers_own_log(s3_server: servers.SeaweedFs, tmp_path: Path) -> None:
    (port,) = (word.removeprefix("-master.port=") for word in s3_server.command if word.startswith("-master.port="))
    topology = httpx.get(f"http://127.0.0.1:{port}/dir/status").raise_for_status().json()["Topology"]
    room = shutil.disk_usage(tmp_path).free // (VOLUME_MB * 1024**2)
    assert topology["Max"] >= room // 2, "a volume is small beside a disk"
    assert topology["Free"] > 0
