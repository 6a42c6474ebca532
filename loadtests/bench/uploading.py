"""One upload in a process of its own, by us or by plain boto3: the seconds it took, and the most memory it held.

Called by `uploads.py` with the side, the endpoint, the file and the key; the credentials are in the environment.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import boto3

from orchestrator.adapters.s3_storage import S3Address, S3Storage

BUCKET = "media"
KIB_PER_MIB = 1024

Upload = Callable[[Path, str], None]


def ours(endpoint: str) -> Upload:
    storage = S3Storage(S3Address(endpoint, BUCKET, os.environ["S3_KEY_ID"], os.environ["S3_SECRET"]))

    def upload(source: Path, key: str) -> None:
        storage.store(source, key, content_type="video/mp4")

    return upload


def plain(endpoint: str) -> Upload:
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="auto",
        aws_access_key_id=os.environ["S3_KEY_ID"],
        aws_secret_access_key=os.environ["S3_SECRET"],
    )

    def upload(source: Path, key: str) -> None:
        client.upload_file(str(source), BUCKET, key)

    return upload


def main() -> None:
    side, endpoint, source, key = sys.argv[1:]
    upload = {"ours": ours, "plain": plain}[side](endpoint)
    begun = time.perf_counter()
    upload(Path(source), key)
    took_s = time.perf_counter() - begun
    print(took_s, peak_mib())


def peak_mib() -> float:
    """Not `getrusage`, which counts what the parent held when it forked."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / KIB_PER_MIB


if __name__ == "__main__":
    main()
