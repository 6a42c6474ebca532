"""The receipt: a JSON file beside the artifacts of a task that says how they were made, and is signed."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from orchestrator.domain.canonical import canonical_json
from orchestrator.domain.media_input import show_input
from orchestrator.domain.owner import Owner
from orchestrator.domain.task import Attempt, Run
from orchestrator.pipelines.checkpoint import Checkpoint
from orchestrator.ports.seal import Seal

FORMAT = 1
# The wall time of the stage that holds the model: what the model did for others meanwhile is in it, too.
GPU_S_IS = "wall time of the stage infer"


def render_receipt(run: Run, made: Checkpoint, *, attempts: Sequence[Attempt], seal: Seal | None) -> bytes:
    """What ``run`` has stored and how it came about. ``attempts`` are the runs before it. Keys, never URLs."""
    task = run.task
    body = {
        "format": FORMAT,
        "task": task.id,
        "project": task.project,
        "type": task.type,
        "generation": task.generation,
        "epoch": run.epoch,
        "run_id": run.run_id,
        "trace_id": f"{task.id}/{run.epoch}",  # as Triton's log and ours have it
        "node": _node_of(run.owner),
        "made_by": made.maker,
        "model": {"name": task.model, **asdict(made.serving)},
        "input": {**show_input(task.input), **made.source},
        "params": task.params,
        "artifacts": [asdict(artifact) for artifact in made.outputs],
        "result": made.result,
        "usage": made.usage,
        "attempts": [*map(_render_attempt, attempts), {"epoch": run.epoch, "worker": run.owner, "error": None}],
        "seconds": made.seconds,
        "gpu_s": made.seconds.get("infer", 0.0),
        "gpu_s_is": GPU_S_IS,
    }
    signature = asdict(seal.sign(canonical_json(body))) if seal else None
    return json.dumps({**body, "signature": signature}, indent=2, sort_keys=True, ensure_ascii=False).encode()


def _render_attempt(attempt: Attempt) -> dict[str, Any]:
    error = attempt.error
    return {
        "epoch": attempt.epoch,
        "worker": attempt.worker,
        "started_at_ms": attempt.started_at_ms,
        "ended_at_ms": attempt.ended_at_ms,
        "error": {"code": error.code, "category": error.category} if error else None,
    }


def _node_of(owner: str) -> str:
    try:
        return Owner.parse(owner).node
    except ValueError:  # an owner of another kind than ours
        return owner
