"""The embedded S3: SeaweedFS as one process on loopback, with one identity and one bucket.

boto3 is imported when the server is asked: every command loads this module, and few of them ask.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from orchestrator.local.embedded import find_weed
from orchestrator.local.part import NotReady
from orchestrator.local.private_file import write_private

VOLUME_MB = 1024
# Every listener gets a port of its own: a gRPC port left to its default is the other one + 10000, which overflows.
PORT_FLAGS = tuple(f"{server}.port{kind}" for server in ("s3", "filer", "master", "volume") for kind in ("", ".grpc"))


def seaweedfs_command(*, folder: Path, identities: Path, ports: Sequence[int]) -> tuple[str, ...]:
    """The command line of a server with its data in ``folder``.

    ``identities`` is a file from `write_identities`; ``ports`` are one for each of `PORT_FLAGS`, S3 itself first.
    """
    return (
        find_weed(),
        "-logtostderr",
        "server",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-s3",
        f"-s3.config={identities}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",  # on by default, to a public host
        "-master.electionTimeout=1s",  # else a restart on old data takes 12 to 22 s (stack facts H)
        "-volume.max=0",  # as many volumes as the disk has room for, not 8
        # Small ones: the bucket takes the first at once, and a filer with none for its own log stands still in the end.
        f"-master.volumeSizeLimitMB={VOLUME_MB}",
        "-volume.preStopSeconds=0",
        *(f"-{flag}={port}" for flag, port in zip(PORT_FLAGS, ports, strict=True)),
    )


def write_identities(path: Path, *, access_key_id: str, secret_access_key: str) -> None:
    """Write the file that lets one identity do everything."""
    credentials = {"accessKey": access_key_id, "secretKey": secret_access_key}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    identity = {"name": "orchestrator", "credentials": [credentials], "actions": actions}
    write_private(path, json.dumps({"identities": [identity]}))


@dataclass(frozen=True)
class SeaweedFsProbe:
    """Makes the bucket and proves a put and a get; the server listens long before it can do either."""

    endpoint: str
    bucket: str
    access_key_id: str
    secret_access_key: str

    def __call__(self, _pid: int) -> None:
        """Return once an object came back as it was put.

        Raises:
            NotReady: it did not.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see above

        s3, name = self._client, {"Bucket": self.bucket, "Key": ".ready"}
        try:
            self._make_bucket()
            s3.put_object(**name, Body=b"ready")
            answer = s3.get_object(**name)["Body"].read()
            s3.delete_object(**name)
        except (BotoCoreError, ClientError) as error:
            raise NotReady(f"no put and get yet: {error}") from error
        if answer != b"ready":
            raise NotReady("an object came back different")

    def _make_bucket(self) -> None:
        try:
            self._client.create_bucket(Bucket=self.bucket)
        except (self._client.exceptions.BucketAlreadyOwnedByYou, self._client.exceptions.BucketAlreadyExists):
            return

    @cached_property
    def _client(self) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        import boto3  # noqa: PLC0415 - see above
        from botocore.config import Config  # noqa: PLC0415 - see above

        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="auto",
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            config=Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 1}),
        )
