"""Find the end: has a task of which no end is known left a complete receipt, and how far have its epochs come."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import chain, groupby, takewhile
from pathlib import Path
from typing import Any

import structlog

from orchestrator.domain.errors import InputChanged, InputNotFound
from orchestrator.domain.ids import task_prefix
from orchestrator.domain.journal import Ended, Recorded, Restoration
from orchestrator.domain.stored_result import find_stored
from orchestrator.domain.task import Artifact, JsonObject, Status
from orchestrator.pipelines.checkpoint import RECEIPT_NAME
from orchestrator.pipelines.large_result import is_result
from orchestrator.pipelines.local_copy import local_copy
from orchestrator.ports.compression import Compression
from orchestrator.ports.storage import FALLBACK, ObjectInfo, ObjectStorage

log = structlog.get_logger()

AT_ONCE = 16
JSON = "application/json"
INCOMPLETE = (ValueError, KeyError, TypeError, InputNotFound, InputChanged)

Stored = Mapping[str, ObjectInfo]


@dataclass(frozen=True, slots=True)
class FindEnd:
    """A receipt is the last thing that a run stores. With every file there, byte by byte, it stands for success.

    ``is_genuine`` says whether we have written it. What was made while the first store was away lies in ``fallback``.
    """

    storage: ObjectStorage
    is_genuine: Callable[[bytes], bool]
    compression: Compression
    fallback: ObjectStorage | None = None

    def find(self, tasks: Sequence[Recorded]) -> Sequence[Restoration]:
        """Each succeeded with the files of the last run that has finished its work, or queued again.

        Raises:
            Unavailable, Refused: the storage cannot be asked.
        """
        stored = self._list(tasks)
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="receipts") as pool:
            return list(pool.map(lambda recorded: self._find(recorded, stored[_prefix_of(recorded)]), tasks))

    def _list(self, tasks: Sequence[Recorded]) -> Mapping[str, Stored]:
        """What lies under the prefix of each. Ids that follow one another are listed together."""
        found: dict[str, dict[str, ObjectInfo]] = {_prefix_of(recorded): {} for recorded in tasks}
        for _, prefixes in groupby(sorted(found), key=_project_of):
            wanted = list(prefixes)
            for info in chain(_listed(self.storage, wanted), self._listed_in_fallback(wanted)):
                if (prefix := _task_of(info.key)) in found:
                    found[prefix].setdefault(info.key, info)
        return found

    def _listed_in_fallback(self, wanted: Sequence[str]) -> Iterator[ObjectInfo]:
        if self.fallback:
            yield from (replace(info, store=FALLBACK) for info in _listed(self.fallback, wanted))

    def _find(self, recorded: Recorded, stored: Stored) -> Restoration:
        epochs = {key: _epoch_of(key.removeprefix(_prefix_of(recorded))) for key in stored}
        for key in sorted(_receipts(stored), key=lambda key: epochs[key], reverse=True):
            if ended := self._read(recorded, key, stored=stored):
                return Restoration(recorded, ended, epoch=epochs[key])
        return Restoration(recorded, epoch=max(epochs.values(), default=0))

    def _read(self, recorded: Recorded, key: str, *, stored: Stored) -> Ended | None:
        try:
            with self._copy(stored[key]) as (_, path):
                content = path.read_bytes()
            receipt = json.loads(content)
            if not self.is_genuine(content):
                raise ValueError("it is not ours")
            if (receipt["task"], receipt["generation"]) != (recorded.task_id, recorded.generation):
                return None
            files = [Artifact(**artifact) for artifact in receipt["artifacts"]]
            for file in files:
                self._verify(file, stored=stored)
            outputs = [*files, _artifact_of(key, content)]
            result = self._verified(receipt["result"], stored=stored)
            return _end_of(receipt, [replace(file, store=stored[file.key].store) for file in outputs], result=result)
        except INCOMPLETE as error:
            log.warning("receipt.incomplete", key=key, error=repr(error))
            return None

    def _verify(self, file: Artifact, *, stored: Stored) -> None:
        with self._copy(stored[file.key]) as (found, _):
            if found.sha256 != file.sha256:
                raise InputChanged(f"{file.name} is not what the receipt says")

    def _verified(self, result: JsonObject, *, stored: Stored) -> JsonObject:
        """A large one is a file, too, and may lie elsewhere than when the receipt was written."""
        if (large := find_stored(result)) is None:
            return result
        with self._copy(stored[large.key]) as (_, path):
            if not is_result(path, large, compression=self.compression):
                raise InputChanged("the result is not what the receipt says")
        return replace(large, store=stored[large.key].store).render()

    def _copy(self, info: ObjectInfo) -> AbstractContextManager[tuple[ObjectInfo, Path]]:
        return local_copy(self.fallback if self.fallback and info.store else self.storage, info)


def _prefix_of(recorded: Recorded) -> str:
    return task_prefix(recorded.entry.task.project, recorded.task_id)


def _task_of(key: str) -> str:
    """The prefix of the task whose key it is."""
    return "/".join(key.split("/")[:4]) + "/"


def _listed(storage: ObjectStorage, wanted: Sequence[str]) -> Iterator[ObjectInfo]:
    """From the first of the ``wanted`` prefixes of a project to the last."""
    return takewhile(
        lambda info: _task_of(info.key) <= wanted[-1], storage.list(_project_of(wanted[0]), after=wanted[0])
    )


def _project_of(prefix: str) -> str:
    """Where all tasks of its project lie."""
    return prefix.rstrip("/").rpartition("/")[0] + "/"


def _receipts(stored: Stored) -> Iterator[str]:
    return (key for key in stored if key.endswith(f"/{RECEIPT_NAME}"))


def _epoch_of(name: str) -> int:
    """Of `<epoch>-<run_id>/<name>` (ADR 0012)."""
    epoch = name.partition("-")[0]
    return int(epoch) if epoch.isdigit() else 0


def _artifact_of(key: str, content: bytes) -> Artifact:
    return Artifact(RECEIPT_NAME, key, JSON, len(content), hashlib.sha256(content).hexdigest())


def _end_of(receipt: Mapping[str, Any], outputs: list[Artifact], *, result: JsonObject) -> Ended:
    """Nobody has written down when that was: it ends now."""
    return Ended(
        generation=receipt["generation"],
        status=Status.SUCCEEDED,
        ended_at_ms=0,
        epoch=receipt["epoch"],
        outputs=tuple(outputs),
        result=result,
        usage=receipt.get("usage") or {},
    )
