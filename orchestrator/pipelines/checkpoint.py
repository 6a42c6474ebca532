"""A checkpoint: what a run had stored when it was cut off before its commit. The next run commits it as it is.

It holds for one generation only: the input (by ETag), the parameters and the model of a task never change within one.
"""

from dataclasses import asdict

from orchestrator.domain.task import Artifact, JsonObject
from orchestrator.ports.claims import Commit


def render_checkpoint(commit: Commit) -> JsonObject:
    return asdict(commit)


def parse_checkpoint(checkpoint: JsonObject) -> Commit:
    outputs = tuple(Artifact(**artifact) for artifact in checkpoint["outputs"])
    return Commit(outputs, checkpoint["result"], checkpoint["usage"], actual_s=checkpoint["actual_s"])
