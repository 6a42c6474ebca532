"""Store: the files of a run, and last the receipt that says how they were made, under the run's own prefix."""

from dataclasses import dataclass

from orchestrator.domain.media_input import FetchedInput
from orchestrator.domain.task import Artifact, Run
from orchestrator.pipelines.pipeline import LocalArtifact, Outcome
from orchestrator.pipelines.receipt import write_receipt
from orchestrator.ports.storage import KeepGoing, ObjectStorage


@dataclass(frozen=True, slots=True)
class StoreOutcome:
    """No other run ever writes where this one does, so repeating a put is harmless (ADR 0012)."""

    storage: ObjectStorage

    def store(
        self, run: Run, outcome: Outcome, *, fetched: FetchedInput | None, keep_going: KeepGoing
    ) -> tuple[Artifact, ...]:
        """Everything that was made, as it now lies in storage. ``keep_going`` raises when the run must end.

        Raises:
            Unavailable, Refused: as `ObjectStorage.store`.
        """
        made: list[Artifact] = []
        for artifact in outcome.artifacts:
            keep_going()
            made.append(self._store_one(run, artifact, keep_going=keep_going))
        keep_going()
        receipt = write_receipt(run, made, folder=outcome.artifacts[0].path.parent, fetched=fetched)
        return (*made, self._store_one(run, LocalArtifact(receipt, "application/json"), keep_going=keep_going))

    def _store_one(self, run: Run, artifact: LocalArtifact, *, keep_going: KeepGoing) -> Artifact:
        key = run.prefix + artifact.path.name
        stored = self.storage.store(artifact.path, key, content_type=artifact.content_type, keep_going=keep_going)
        return Artifact(artifact.path.name, stored.key, artifact.content_type, stored.size_bytes, stored.sha256)
