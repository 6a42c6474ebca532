"""Files into the project's storage: in one piece, or in parts, several at a time, that survive a break."""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import httpx

from orchestrator.client.api_error import ApiError
from orchestrator.client.calls import Call, Caller
from orchestrator.client.errors import FileChanged, Later, UploadFailed, UploadInterrupted
from orchestrator.client.transfers import OnProgress, Slice, put_slice

AT_ONCE = 4
SIGNED_AT_ONCE = 16


class Sent:
    """Counts bytes that have left, of parts in several threads; a part that is tried again is counted once."""

    def __init__(self, total: int, on_progress: OnProgress | None) -> None:
        self._total, self._on_progress = total, on_progress
        self._lock = threading.Lock()
        self._bytes: dict[int, int] = {}

    def note(self, number: int, sent: int) -> None:
        with self._lock:
            self._bytes[number] = sent
            if self._on_progress is not None:
                self._on_progress(sum(self._bytes.values()), self._total)


@dataclass(frozen=True, slots=True)
class Uploader:
    """Sends one file. The service signs, the storage gets the bytes; no API key ever goes there."""

    caller: Caller
    storage: httpx.Client
    path: Path
    on_progress: OnProgress | None = None

    def send(self, content_type: str) -> str:
        """Upload the file and return its key."""
        size_bytes = self.path.stat().st_size
        asked = {"filename": self.path.name, "content_type": content_type, "size_bytes": size_bytes}
        offer = self.caller.send(Call("POST", "/v1/uploads", body=asked))
        if offer["url"] is None:
            return self.resume(offer["id"])
        sent = Sent(size_bytes, self.on_progress)
        whole = Slice(self.path, 0, size_bytes)
        put_slice(self.storage, whole, url=offer["url"], headers=offer["headers"], on_sent=lambda n: sent.note(0, n))
        key: str = offer["object"]
        return key

    def resume(self, upload_id: str) -> str:
        """Send the parts that have not arrived, and make the object of all.

        Raises:
            UploadInterrupted: try again with its ``upload_id``.
            ApiError: there is no point in that.
        """
        try:
            state = self.caller.send(Call("GET", f"/v1/uploads/{upload_id}"))
            if not state["is_complete"]:
                self._send_missing(state)
                self.caller.send(Call("POST", f"/v1/uploads/{upload_id}/complete"))
        except ApiError as error:
            if not _passes(error):
                raise
            raise UploadInterrupted(error, upload_id) from error
        key: str = state["object"]
        return key

    def _send_missing(self, state: Mapping[str, Any]) -> None:
        if self.path.stat().st_size != state["size_bytes"]:
            raise FileChanged(f"{self.path.name} has not the size that was offered")
        sent = Sent(state["size_bytes"], self.on_progress)
        arrived = {part["number"]: part["size_bytes"] for part in state["parts"]}
        for number, size_bytes in arrived.items():
            sent.note(number, size_bytes)
        missing = (number for number in range(1, (state["part_count"] or 0) + 1) if number not in arrived)

        def put(part: Mapping[str, Any]) -> None:
            number, begin = part["number"], (part["number"] - 1) * state["part_size_bytes"]
            piece = Slice(self.path, begin, part["size_bytes"])

            def note(sent_bytes: int) -> None:
                sent.note(number, sent_bytes)

            self.caller.insist(
                lambda: put_slice(self.storage, piece, url=part["url"], headers=part["headers"], on_sent=note)
            )

        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="upload") as pool:
            for numbers in _batches(missing):
                signed = self.caller.send(Call("POST", f"/v1/uploads/{state['id']}/parts", body={"numbers": numbers}))
                list(pool.map(put, signed["items"]))


def _passes(error: ApiError) -> bool:
    """Whether going on later can help: the line broke, the storage had enough, a URL had expired."""
    is_refusal = isinstance(error, FileChanged) or 400 <= error.status < 500  # noqa: PLR2004 - HTTP's own classes
    return isinstance(error, UploadFailed | Later) or not is_refusal


def _batches(numbers: Iterator[int]) -> Iterator[list[int]]:
    """URLs expire, so they are asked for a few at a time."""
    while batch := list(islice(numbers, SIGNED_AT_ONCE)):
        yield batch
