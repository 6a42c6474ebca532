"""The work folder: each process has its own in it, and what the dead left there goes."""

from dataclasses import replace
from pathlib import Path

from orchestrator.adapters.linux_processes import LinuxProcesses
from orchestrator.services.workers.sweep_scratch import SweepScratch


def test_what_dead_processes_of_this_node_left_goes_and_nothing_else(tmp_path: Path) -> None:
    processes = LinuxProcesses()
    scratch, me = SweepScratch(tmp_path, processes), processes.this()
    own = scratch.make_own()
    dead, elsewhere = tmp_path / str(replace(me, start=1)), tmp_path / str(replace(me, node="another", start=1))
    strange = tmp_path / "somebody's"
    for folder in (own, dead, elsewhere, strange):
        (folder / "run-1").mkdir(parents=True)
        (folder / "run-1" / "source").write_bytes(b"media")
    scratch.sweep()
    assert {folder.name for folder in tmp_path.iterdir()} == {own.name, elsewhere.name, strange.name}
    assert (own / "run-1" / "source").exists()


def test_a_folder_that_nobody_has_made_yet_is_no_error(tmp_path: Path) -> None:
    scratch = SweepScratch(tmp_path / "scratch", LinuxProcesses())
    scratch.sweep()
    assert scratch.make_own() == scratch.make_own()
