"""What one run may use: space, and time by stage."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.domain.errors import StageTimeout
from orchestrator.domain.task import Run
from orchestrator.pipelines.run_watch import Budget


@dataclass(frozen=True, slots=True)
class StageBudgets:
    """How long each stage may take; ``infer_by_type`` goes before ``infer`` for the types that it names."""

    fetch_s: float = 900.0
    probe_s: float = 60.0
    infer_s: float = 1800.0
    store_s: float = 1800.0
    infer_by_type: Mapping[str, float] = field(default_factory=dict)

    def of(self, stage: str, task_type: str) -> float:
        stages = {"fetch": self.fetch_s, "probe": self.probe_s, "infer": self.infer_s, "store": self.store_s}
        return self.infer_by_type.get(task_type, self.infer_s) if stage == "infer" else stages[stage]

    def budget(self, stage: str, task_type: str, *, begun_s: float) -> Budget:
        """When the stage must be over."""
        budget_s = self.of(stage, task_type)
        return Budget(begun_s + budget_s, StageTimeout(f"the stage {stage} took longer than {budget_s:g} s"))


@dataclass(slots=True)
class ScratchFolder:
    """Made when its first file is named: to make and remove a folder is a tenth of what a run without files costs."""

    path: Path
    _is_made: bool = False

    def __truediv__(self, name: str) -> Path:
        if not self._is_made:
            self.path.mkdir(parents=True, exist_ok=True)
            self._is_made = True
        return self.path / name

    def remove(self) -> None:
        if self._is_made:
            shutil.rmtree(self.path, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What one run may use."""

    scratch_dir: Path
    first_beat_s: float

    @contextmanager
    def scratch(self, run: Run) -> Iterator[ScratchFolder]:
        """The run's own work folder, which goes with it."""
        scratch = ScratchFolder(self.scratch_dir / run.run_id)
        try:
            yield scratch
        finally:
            scratch.remove()
