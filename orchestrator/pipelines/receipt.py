"""The receipt: a JSON file beside the artifacts of a run that says how they were made."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from orchestrator.domain.task import Artifact, Run

RECEIPT_NAME = "receipt.json"


def write_receipt(run: Run, artifacts: Sequence[Artifact], *, folder: Path) -> Path:
    """Write the receipt of ``run`` into ``folder`` and return its path."""
    task = run.task
    receipt = {
        "task": task.id,
        "type": task.type,
        "model": task.model,
        "generation": task.generation,
        "epoch": run.epoch,
        "run_id": run.run_id,
        "input": task.input,
        "params": task.params,
        "artifacts": [asdict(artifact) for artifact in artifacts],
    }
    path = folder / RECEIPT_NAME
    path.write_text(json.dumps(receipt, indent=2, sort_keys=True), encoding="utf-8")
    return path
