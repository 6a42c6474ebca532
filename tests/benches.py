"""A `Workbench` of fakes for tests of one task type."""

from collections.abc import Callable
from pathlib import Path

from fakes_codec import FakeMedia, FakePictures
from fakes_engine import FakeEngine

from orchestrator.domain.task import Progress
from orchestrator.pipelines.pipeline import CancelToken, Workbench


def make_bench(scratch: Path, engine: FakeEngine, *, report: Callable[[Progress], None] = lambda _: None) -> Workbench:
    """Nothing on it but what the test puts there with `dataclasses.replace`."""
    return Workbench(scratch, engine, FakePictures(), FakeMedia(), CancelToken(), report)
