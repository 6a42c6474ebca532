"""The processes that do the work: workers, the stages of a run, the keeper, and what they log."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field

from orchestrator.settings.section import Section


class WorkerSettings(Section):
    """Celery workers."""

    concurrency: int = Field(2, ge=1, description="Forked children per lane.")
    lease: timedelta = Field(timedelta(seconds=30), description="A run that is silent this long has lost its task.")
    drain: timedelta = Field(timedelta(seconds=25), description="After SIGTERM, finish within this, release the rest.")
    solo_wait: timedelta = Field(
        timedelta(seconds=30),
        description="A crashed task that runs alone waits so long before a busy child makes room.",
    )
    deaf_after: timedelta = Field(
        timedelta(seconds=30),
        description="A worker that hears no pulse for so long, although one waits and a child is free, starts anew.",
    )
    scratch_dir: Path = Field(Path("/tmp/orchestrator"), description="Work folder of runs.")  # noqa: S108 - a default
    spool_dir: Path | None = Field(
        None, description="What is made and not yet stored, on the disk of `scratch_dir`; `spool` in that when empty."
    )
    spool_mib: int = Field(
        20 * 1024, ge=0, description="So much of it at most; a run for which there is no room infers again if it fails."
    )
    spool_kept: timedelta = Field(
        timedelta(days=1), gt=timedelta(0), description="What nobody has come back for by then is thrown away."
    )
    tasks_per_child: int = Field(2000, ge=1, description="A child is replaced after this many tasks.")
    memory_per_child_mib: int = Field(2048, ge=256, description="A child larger than this is replaced.")
    metrics_dir: Path | None = Field(
        None, description="Folder of Prometheus samples; one worker of each lane may share it."
    )
    metrics_port: int = Field(9102, description="Port of `orchestrator metrics`.")


class StageSettings(Section):
    """How long a stage of a run may take. One that takes longer fails its run with `timeout`, which is tried twice."""

    fetch: timedelta = Field(timedelta(minutes=15), description="To fetch the input.")
    probe: timedelta = Field(timedelta(minutes=1), description="To look at the input.")
    infer: timedelta = Field(timedelta(minutes=30), description="To load the model and run the pipeline.")
    infer_by_type: dict[str, timedelta] = Field(
        default_factory=lambda: {"video.shots": timedelta(hours=4), "audio.speech": timedelta(hours=4)},
        description='The same for single task types: {"video.shots": "PT4H"} (JSON).',
    )
    store: timedelta = Field(timedelta(minutes=30), description="To store the artifacts.")


class KeeperSettings(Section):
    """The duties."""

    tick: timedelta = Field(
        timedelta(seconds=1),
        gt=timedelta(0),
        le=timedelta(seconds=1),
        description="Pause between two looks for lapsed leases and waiting work.",
    )
    retention: timedelta = Field(timedelta(days=7), description="Terminal tasks and their artifacts live this long.")
    metrics_port: int = Field(9103, description="Port of the keeper's queue metrics.")


class LogSettings(Section):
    """Logs go to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least level shown.")
    format: Literal["json", "console"] = Field("json", description="`json` for machines, `console` for people.")
