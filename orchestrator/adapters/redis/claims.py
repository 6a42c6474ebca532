"""`Claims` over Redis: the life of a run, one fenced script per step."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass

from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.records import (
    pairs,
    parse_run,
    parse_task,
    render_failure,
    render_json,
    render_limit,
    render_lines,
)
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.cost import kind_of
from orchestrator.domain.errors import StaleRun
from orchestrator.domain.ids import part_id
from orchestrator.domain.limits import UNLIMITED, Quotas
from orchestrator.domain.log_line import Said
from orchestrator.domain.part import MOST_PARTS, Slice
from orchestrator.domain.retry import EXPIRED, UNKNOWN_TYPE, Again, Decision, is_own
from orchestrator.domain.task import SCHEMA_VERSION, Failure, JsonObject, Progress, Run, Task
from orchestrator.ports.claims import Beat, Claimed, Commit, Verdict

EXPIRED_ERROR = render_failure(EXPIRED)
UNKNOWN_ERROR = render_failure(UNKNOWN_TYPE)


@dataclass(frozen=True, slots=True)
class RedisClaims:
    """Implements `ports.claims.Claims`, for a worker that can run ``types``; without any it claims all.

    ``claimed`` hears of which types a claim has handed out tasks.
    """

    scripts: Scripts
    lease_ms: int
    types: frozenset[str] = frozenset()
    quotas: Quotas = UNLIMITED
    progress_every_ms: int = 5_000
    claimed: Callable[[Collection[str]], None] = lambda _types: None

    def claim(self, lane: str, owner: str, *, run_ids: Sequence[str], yield_after_s: float | None = None) -> Claimed:
        given = {
            "lane": lane,
            "owner": owner,
            "run_ids": " ".join(run_ids),
            "lease_ms": self.lease_ms,
            "yield_after_ms": "" if yield_after_s is None else int(yield_after_s * 1000),
            "expired_error": EXPIRED_ERROR,
            "schema": SCHEMA_VERSION,
            "types": f" {' '.join(self.types)} " if self.types else "",
            "unknown_error": UNKNOWN_ERROR,
            "max_running": render_limit(self.quotas.max_running),
            "gpu_s_per_hour": render_limit(self.quotas.gpu_s_per_hour),
        }
        with redis_errors():
            found, more, yields = self.scripts.run("claim", given)
        runs = tuple(parse_run(pairs(flat), owner=owner) for flat in found)
        if runs:
            self.claimed({run.task.type for run in runs})
        return Claimed(runs, more=bool(more), yields=bool(yields))

    def beat(self, beats: Sequence[Beat]) -> list[Verdict]:
        runs = [
            {
                **_token(beat.run),
                "progress": _render_progress(beat.progress) if beat.progress else "",
                "lines": render_lines(beat.lines),
            }
            for beat in beats
        ]
        given = {"runs": render_json(runs), "lease_ms": self.lease_ms, "progress_every_ms": self.progress_every_ms}
        with redis_errors():
            verdicts = self.scripts.run("beat", given)
        return [Verdict(verdict) for verdict in verdicts]

    def advance(self, run: Run, stage: str, *, checkpoint: JsonObject, kept_for_s: float | None = None) -> None:
        kept_ms = "" if kept_for_s is None else int(kept_for_s * 1000)
        self._fenced("advance", run, given={"stage": stage, "checkpoint": render_json(checkpoint), "kept_ms": kept_ms})

    def plan(self, run: Run, slices: Sequence[Slice], *, lines: Sequence[Said] = ()) -> None:
        if run.task.part_of or not 0 < len(slices) <= MOST_PARTS:
            raise ValueError(f"a task has 1 to {MOST_PARTS} parts, and a part has none")
        parts = [{"input": render_json(each.input), "predicted_s": each.predicted_s} for each in slices]
        self._ending("plan", run, given={"parts": render_json(parts)}, lines=lines)

    def parts(self, run: Run) -> tuple[Task, ...]:
        pipeline = self.scripts.client.pipeline(transaction=False)
        for number in range(1, run.task.parts + 1):
            pipeline.hgetall(f"orch:task:{part_id(run.task.id, number)}")
        with redis_errors():
            return tuple(parse_task(flat) for flat in pipeline.execute() if flat)

    def finish(self, run: Run, commit: Commit, *, lines: Sequence[Said] = ()) -> None:
        outputs = render_json([asdict(artifact) for artifact in commit.outputs])
        told = {"outputs": outputs, "result": render_json(commit.result), "usage": render_json(commit.usage)}
        task, is_typical = run.task, not (commit.is_adopted or run.task.part_of)
        kind = kind_of(task.type, task.model, source=task.input) if is_typical else ""
        given = {**told, "actual_s": commit.actual_s, "bytes": commit.stored_bytes, "kind": kind}
        self._ending("finish", run, given=given, lines=lines)

    def fail(
        self, run: Run, failure: Failure, *, decision: Decision, lines: Sequence[Said] = (), waited_s: float = 0.0
    ) -> None:
        again = decision if isinstance(decision, Again) else None
        given = {
            "error": render_failure(failure),
            "category": failure.category.value,
            "counts": 0 if again and not again.counts else 1,
            "again_in_ms": int(again.after_s * 1000) if again else "",
            "is_own": int(is_own(failure)),
            "waited_s": waited_s,
        }
        self._ending("fail", run, given=given, lines=lines)

    def release(self, run: Run, *, lines: Sequence[Said] = ()) -> None:
        self._ending("release", run, given={}, lines=lines)

    def stop(self, run: Run, *, lines: Sequence[Said] = ()) -> None:
        self._ending("stop", run, given={}, lines=lines)

    def _ending(self, script: str, run: Run, *, given: Mapping[str, object], lines: Sequence[Said]) -> None:
        self._fenced(script, run, given={**given, "lines": render_json(render_lines(lines))})

    def _fenced(self, script: str, run: Run, *, given: Mapping[str, object]) -> None:
        with redis_errors():
            answer = self.scripts.run(script, {**_token(run), **given})
        if answer == "stale":
            raise StaleRun


def _token(run: Run) -> dict[str, str]:
    return {"task_id": run.task.id, "epoch": str(run.epoch), "run_id": run.run_id}


def _render_progress(progress: Progress) -> str:
    """A hundredth of a percent is all that people read; editors see the number as it is."""
    return render_json({**asdict(progress), "fraction": round(progress.fraction, 4)})
