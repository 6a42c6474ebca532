"""`WorkerSigns` in a real folder, one test per sentence of the port's docstring."""

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.adapters.linux_processes import LinuxProcesses
from orchestrator.adapters.sign_files import SignFiles
from orchestrator.domain.errors import Unavailable
from orchestrator.ports.worker_signs import WorkerSign

ME = LinuxProcesses().this()
SIGN = WorkerSign(ME, "io", shown_s=12.5, connecting=False)


@pytest.fixture
def signs(tmp_path: Path) -> SignFiles:
    return SignFiles(tmp_path / "alive", LinuxProcesses())


def test_before_any_worker_has_signed_there_are_none(signs: SignFiles) -> None:
    assert signs.read() == ()


def test_a_sign_replaces_the_last_one_of_its_owner(signs: SignFiles) -> None:
    longer = replace(SIGN, shown_s=1234.5678, connecting=False, lane="a-lane-with-a-long-name")
    for sign in (longer, SIGN):
        signs.show(sign)
        assert signs.read() == (sign,)


def test_no_worker_speaks_for_another(signs: SignFiles) -> None:
    parent = replace(ME, pid=1, start=int(Path("/proc/1/stat").read_text().rpartition(")")[2].split()[19]))
    signs.show(SIGN)
    signs.show(replace(SIGN, owner=parent, connecting=True))
    assert {(sign.owner, sign.connecting) for sign in signs.read()} == {(ME, False), (parent, True)}


def test_the_dead_are_forgotten(signs: SignFiles) -> None:
    signs.show(replace(SIGN, owner=replace(ME, start=1)))
    assert signs.read() == ()
    assert list(signs.folder.iterdir()) == []


def test_another_node_speaks_for_itself(signs: SignFiles) -> None:
    signs.show(replace(SIGN, owner=replace(ME, node="elsewhere")))
    assert signs.read() == ()
    assert len(list(signs.folder.iterdir())) == 1


def test_a_sign_that_cannot_be_written_is_told(signs: SignFiles) -> None:
    signs.folder.touch()
    with pytest.raises(Unavailable):
        signs.show(SIGN)


def test_a_file_that_has_just_been_made_is_no_sign_yet(signs: SignFiles) -> None:
    signs.folder.mkdir()
    (signs.folder / str(ME)).touch()
    assert signs.read() == ()
