"""What a transfer holds in memory does not depend on its size (fault 28). The same with 4 GB: docs/performance.md."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

from servers import SeaweedFs

from orchestrator.adapters.s3_storage.upload import AT_ONCE, PART_BYTES

MIB = 1024**2
KIB = 1024
TESTS = Path(__file__).parents[1]


def peak_bytes(server: SeaweedFs, source: Path, *, mib: int) -> int:
    """The most that a process was resident with that stored a file of zeros and fetched it again."""
    with source.open("wb") as file:
        file.truncate(mib * MIB)
    command = [sys.executable, "-m", "storing_child", server.endpoint, str(source), f"tests/{secrets.token_hex(8)}"]
    env = {**os.environ, "SECRET": server.secret_access_key, "KEY_ID": server.access_key_id}
    env["PYTHONPATH"] = f"{TESTS}:{TESTS.parent}"
    told = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout.split()
    return int(told[-1]) * KIB


def test_fault_28_a_film_takes_no_more_memory_than_the_parts_that_are_under_way(
    r2_server: SeaweedFs, tmp_path: Path
) -> None:
    least, large = (peak_bytes(r2_server, tmp_path / "source", mib=mib) for mib in (1, 160))
    assert large - least < (AT_ONCE + 1) * PART_BYTES < 160 * MIB
