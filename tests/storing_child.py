"""A process that stores one file, says when it is in the midst of it, and how much memory that took at most."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from orchestrator.adapters.s3_storage import S3Address, S3Storage


def main(arguments: Sequence[str]) -> None:
    """Store a file, and fetch it again."""
    endpoint, source, key = arguments
    storage = S3Storage(S3Address(endpoint, "media", os.environ["KEY_ID"], os.environ["SECRET"]))
    calls = iter(range(10**9))

    def keep_going() -> None:
        if next(calls) == 1:
            sys.stdout.write("sending\n")
            sys.stdout.flush()

    path = Path(source)
    stored = storage.store(path, key, content_type="video/mp4", keep_going=keep_going)
    copy = path.with_name("copy")
    fetched = storage.fetch(key, copy, etag=stored.etag, limit_bytes=stored.size_bytes)
    copy.unlink()
    assert fetched == stored
    sys.stdout.write(f"{peak_kib()}\n")


def peak_kib() -> str:
    """Not `getrusage`, which counts what the parent held when it forked."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return line.split()[1]


if __name__ == "__main__":
    main(sys.argv[1:])
