"""Releases of models: push them, list them, delete them (scope `models:admin`)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from orchestrator.client.calls import Call, Caller
from orchestrator.client.errors import UploadFailed
from orchestrator.client.transfers import OnProgress, Slice, put_slice, sha256_of
from orchestrator.client.uploads import AT_ONCE, Sent

IS_TAKEN = 412  # an earlier try has arrived, and its answer was lost
PROVING_S = 1800  # the service reads all that was sent


@dataclass(frozen=True, slots=True)
class Release:
    """A release of a model. ``raw`` has its files, tensors and golden samples as the API names them."""

    model: str
    version: int
    name: str
    etag: str
    size_bytes: int
    source: str
    licence: str
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NewRelease:
    """What to push: ``files`` by their path in the release, or the folder ``from_prefix`` of the node's bucket.

    Without ``config``, the text of a config.pbtxt, the service makes one for an ONNX file. ``goldens`` and ``picture``
    are as in the API.
    """

    files: Mapping[str, Path]
    from_prefix: str | None = None
    config: str = ""
    goldens: Sequence[Mapping[str, Any]] = ()
    picture: Mapping[str, Any] | None = None
    source: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Releases:
    """`Client.models.releases`. Every method raises `ApiError` if the service refuses, or cannot be reached."""

    caller: Caller
    storage: httpx.Client

    def push(
        self, model: str, new: NewRelease, *, version: int | None = None, on_progress: OnProgress | None = None
    ) -> Release:
        """Send what is not there yet, have it proven, and return the release. The same again returns the same release.

        Raises:
            ReleaseRefused: it cannot be one; ``fields`` says why.
            ReleaseExists: ``version`` belongs to another.
        """
        push = self.caller.send(Call("POST", f"/v1/models/{model}/releases", body=_render(new, version)))
        if push["release"] is None:
            _Sending(self, new.files, push["files"], on_progress).send()
            given = push["version"]
            prove = Call("POST", f"/v1/models/{model}/releases/{given}:complete", wait_s=PROVING_S)
            push["release"] = self.caller.send(prove)
        return parse_release(push["release"])

    def list(self, model: str) -> tuple[Release, ...]:
        """Every release of the model, by version."""
        return tuple(map(parse_release, self.caller.send(Call("GET", f"/v1/models/{model}/releases"))["items"]))

    def get(self, model: str, version: int) -> Release:
        return parse_release(self.caller.send(Call("GET", f"/v1/models/{model}/releases/{version}")))

    def delete(self, model: str, version: int) -> None:
        """Delete one that nobody uses, or a push that was never completed."""
        self.caller.send(Call("DELETE", f"/v1/models/{model}/releases/{version}"))


class _Sending:
    """The files of one push, on their way."""

    def __init__(
        self,
        releases: Releases,
        paths: Mapping[str, Path],
        files: Sequence[Mapping[str, Any]],
        on_progress: OnProgress | None,
    ) -> None:
        self._releases, self._files = releases, files
        self._paths = {path.rpartition("/")[2] if is_weights(path) else path: where for path, where in paths.items()}
        self._numbers = count(1)
        self._sent = Sent(sum(file["size_bytes"] for file in files), on_progress)

    def send(self) -> None:
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="push") as pool:
            list(pool.map(lambda put: put(), self._puts()))

    def _puts(self) -> Iterator[Callable[[], None]]:
        """One for each piece that is missing; a file of the bucket is not ours to send."""
        sent = self._sent
        for at, file in enumerate(self._files):
            missing = file["parts"] or ([file] if file["url"] else [])
            sent.note(-at, file["size_bytes"] - sum(part["size_bytes"] for part in missing))
            for part in missing:
                piece = Slice(self._paths[file["path"]], part.get("begin", 0), part["size_bytes"])
                yield partial(self._put, piece, part, note=partial(sent.note, next(self._numbers)))

    def _put(self, piece: Slice, part: Mapping[str, Any], *, note: Callable[[int], None]) -> None:
        storage, url, headers = self._releases.storage, part["url"], part["headers"]
        try:
            self._releases.caller.insist(lambda: put_slice(storage, piece, url=url, headers=headers, on_sent=note))
        except UploadFailed as error:
            if error.status != IS_TAKEN:
                raise


def is_weights(path: str) -> bool:
    """Whether it is the model itself, which may be named with a version before it."""
    return path.rpartition("/")[2] in {"model.onnx", "model.pt"}


def parse_release(body: Mapping[str, Any]) -> Release:
    return Release(
        model=body["model"],
        version=body["version"],
        name=body["name"],
        etag=body["etag"],
        size_bytes=body["size_bytes"],
        source=body["source"],
        licence=body["licence"],
        raw=body,
    )


def _render(new: NewRelease, version: int | None) -> dict[str, Any]:
    files = [
        {"path": path, "size_bytes": where.stat().st_size, "sha256": sha256_of(where)}
        for path, where in new.files.items()
    ]
    body = {
        "version": version,
        "files": files,
        "from_prefix": new.from_prefix,
        "config": new.config,
        "goldens": [dict(golden) for golden in new.goldens],
        "picture": new.picture,
        "source": new.source,
        "licence": new.licence,
    }
    return {name: value for name, value in body.items() if value}
