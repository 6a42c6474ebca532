"""A checkpoint: what the inference of a run has left, what of it is stored, and what it was made from (ADR 0042).

A later run goes on from there and infers nothing, if it would make the same.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

from orchestrator.domain.canonical import canonical_json
from orchestrator.domain.stored_result import RESULT_NAME, find_stored
from orchestrator.domain.task import Artifact, JsonObject, Task
from orchestrator.ports.claims import Commit
from orchestrator.ports.inference import Serving

RECEIPT_NAME = "receipt.json"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``maker`` names the run that inferred. A file's ``key`` is empty as long as it is not stored. A large result is
    one of the files, and ``result`` points to it.

    ``basis`` and ``serving`` are what it was made from; ``source`` what its input really was, ``seconds`` what its
    stages took.
    """

    maker: str
    basis: str
    serving: Serving
    files: tuple[Artifact, ...]
    result: JsonObject
    usage: JsonObject
    source: JsonObject = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_stored(self) -> bool:
        """Whether nothing is left to do but the finish: the receipt comes last."""
        return not self.files or self.files[-1].name == RECEIPT_NAME

    @property
    def outputs(self) -> tuple[Artifact, ...]:
        """The files that clients see."""
        return tuple(file for file in self.files if file.name != RESULT_NAME)

    def with_stored(self, stored: Artifact) -> Self:
        """The same with one more file in its place; what was not there yet comes last."""
        files, result = tuple(stored if file.name == stored.name else file for file in self.files), self.result
        pointer = find_stored(result)
        if pointer is not None and stored.name == RESULT_NAME:
            result = replace(pointer, key=stored.key, store=stored.store).render()
        return replace(self, files=files if stored in files else (*files, stored), result=result)

    def commit(self, *, took_s: float, is_adopted: bool, waited_s: float = 0.0) -> Commit:
        """What the run that has stored it all commits; ``took_s`` is its own time, ``waited_s`` of it for room."""
        spent_s = sum(self.seconds.values()) if is_adopted else 0.0
        served = {"release": self.serving.release, "model_version": self.serving.version}
        usage = {**self.usage, **{name: word for name, word in served.items() if word}}
        usage["run_s"] = round(spent_s + took_s, 3)
        return Commit(self.outputs, self.result, usage, actual_s=max(0.0, took_s - waited_s), is_adopted=is_adopted)

    def render(self) -> JsonObject:
        return asdict(self)

    @classmethod
    def parse(cls, stored: JsonObject) -> Self:
        """What `render` made.

        Raises:
            LookupError, TypeError: another version made it.
        """
        files = tuple(Artifact(**file) for file in stored["files"])
        return cls(**{**stored, "files": files, "serving": Serving(**stored["serving"])})


@dataclass(frozen=True, slots=True)
class Made:
    """Work that is done. What is not stored yet lies in ``folder``; ``is_kept`` says that this outlives the run."""

    checkpoint: Checkpoint
    folder: Path
    is_kept: bool
    is_adopted: bool = False


def basis_of(task: Task) -> str:
    """Equal for runs that would make the same of the same model: type, parameters, and the input with its ETag."""
    asked = {"type": task.type, "model": task.model, "params": task.params, "input": task.input}
    return hashlib.sha256(canonical_json(asked)).hexdigest()
