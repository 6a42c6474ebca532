"""The independent ledger: a Valkey of its own that sees what was accepted, executed, committed, and broken on purpose.

Nothing of the service knows it. Executions are written by the model itself (`tests/fixtures/witness`), from Triton.
"""

import json
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import redis
from servers import ROOT

from orchestrator.adapters.redis.client import Fields, RedisClient

WITNESS = ROOT / "tests" / "fixtures" / "witness"
WORK_MS = 20


@dataclass(frozen=True, slots=True)
class Execution:
    """A run's work as the model saw it, by the ledger's clock; without an end it was cut off."""

    task_id: str
    epoch: int
    began_ms: int
    ended_ms: int | None


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault as it was injected; ``hits`` are the tasks whose runs it took away."""

    at_ms: int
    kind: str
    hits: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Commit:
    """The end of a generation, as a client has seen it."""

    task_id: str
    generation: int
    status: str
    content: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """Append-only; whoever writes waits until it is written."""

    url: str
    client: RedisClient = field(init=False)

    def __post_init__(self) -> None:
        client = cast("RedisClient", redis.Redis.from_url(self.url, decode_responses=True))
        object.__setattr__(self, "client", client)

    def accept(self, task_id: str) -> None:
        self._append("accepted", {"id": task_id})

    def commit(self, commit: Commit) -> None:
        told = {"generation": str(commit.generation), "status": commit.status, "content": commit.content}
        self._append("commits", {"id": commit.task_id, **told})

    def strike(self, kind: str, hits: Iterable[str] = ()) -> None:
        self._append("faults", {"kind": kind, "hits": json.dumps(sorted(hits))})

    def accepted(self) -> frozenset[str]:
        return frozenset(fields["id"] for _, fields in self._read("accepted"))

    def commits(self) -> list[Commit]:
        return [
            Commit(told["id"], int(told["generation"]), told["status"], told["content"])
            for _, told in self._read("commits")
        ]

    def faults(self) -> list[Struck]:
        return [Struck(at, told["kind"], frozenset(json.loads(told["hits"]))) for at, told in self._read("faults")]

    def executions(self) -> list[Execution]:
        """In the order in which they began; two of one run are two."""
        begun: dict[str, list[int]] = defaultdict(list)
        ended: dict[str, list[int]] = defaultdict(list)
        for at, told in self._read("executions"):
            (begun if told["what"] == "began" else ended)[told["run"]].append(at)
        found = [
            Execution(*_parse_run(run), began_ms=at, ended_ms=ended[run][i] if i < len(ended[run]) else None)
            for run, times in begun.items()
            for i, at in enumerate(times)
        ]
        return sorted(found, key=lambda execution: execution.began_ms)

    def _append(self, stream: str, fields: Mapping[str, str]) -> None:
        self.client.eval("return redis.call('XADD', KEYS[1], '*', unpack(ARGV))", 1, stream, *sum(fields.items(), ()))

    def _read(self, stream: str) -> list[tuple[int, Fields]]:
        return [(int(entry_id.partition("-")[0]), fields) for entry_id, fields in self.client.xrange(stream)]


def lay_out_witness(folder: Path, *, ledger_port: int, work_ms: int = WORK_MS) -> Path:
    """A project folder for `orchestrator up` that is ours, but for its `echo`: that one tells the ledger."""
    folder.mkdir()
    for name in (".venv-triton", "triton"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(WITNESS, folder / "model_repository")
    echo = folder / "model_repository" / "echo"
    (echo / "1" / "model.onnx").touch()  # by its weights a model is known to be built
    with (echo / "config.pbtxt").open("a") as config:
        for name, value in (("ledger", f"127.0.0.1:{ledger_port}"), ("work_ms", work_ms)):
            config.write(f'parameters {{ key: "{name}" value: {{ string_value: "{value}" }} }}\n')
    return folder


def _parse_run(run: str) -> tuple[str, int]:
    task_id, _, epoch = run.rpartition("/")
    return task_id, int(epoch or 0)
