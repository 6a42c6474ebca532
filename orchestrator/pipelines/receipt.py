"""The receipt: a JSON file beside the artifacts of a run that says how they were made."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orchestrator.domain.media_input import FetchedInput, show_input
from orchestrator.domain.task import Artifact, Run

RECEIPT_NAME = "receipt.json"


def write_receipt(
    run: Run, artifacts: Sequence[Artifact], *, folder: Path, fetched: FetchedInput | None = None
) -> Path:
    """Write the receipt of ``run`` into ``folder`` and return its path."""
    task = run.task
    receipt = {
        "task": task.id,
        "type": task.type,
        "model": task.model,
        "generation": task.generation,
        "epoch": run.epoch,
        "run_id": run.run_id,
        "input": {**show_input(task.input), **_facts(fetched)},
        "params": task.params,
        "artifacts": [asdict(artifact) for artifact in artifacts],
    }
    path = folder / RECEIPT_NAME
    path.write_text(json.dumps(receipt, indent=2, sort_keys=True), encoding="utf-8")
    return path


def _facts(fetched: FetchedInput | None) -> dict[str, Any]:
    """What the input really was, whatever its name and its server said."""
    if fetched is None:
        return {}
    return {"format": fetched.format.name, "size_bytes": fetched.size_bytes, "sha256": fetched.sha256}
