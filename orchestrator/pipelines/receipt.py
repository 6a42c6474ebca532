"""The receipt: a JSON file beside the artifacts of a run that says how they were made."""

import json
from dataclasses import asdict

from orchestrator.domain.media_input import show_input
from orchestrator.domain.task import Run
from orchestrator.pipelines.checkpoint import Checkpoint


def render_receipt(run: Run, made: Checkpoint) -> bytes:
    """The receipt of what ``run`` has stored."""
    task = run.task
    receipt = {
        "task": task.id,
        "type": task.type,
        "model": task.model,
        "generation": task.generation,
        "epoch": run.epoch,
        "run_id": run.run_id,
        "input": {**show_input(task.input), **made.source},
        "params": task.params,
        "artifacts": [asdict(artifact) for artifact in made.files],
    }
    return json.dumps(receipt, indent=2, sort_keys=True).encode()
