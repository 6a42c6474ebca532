"""The folder of a stack: its lock, its secrets, its ports, and what it tells of itself in stack.json."""

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from orchestrator.local.addresses import choose_ports, describe_stack
from orchestrator.local.credentials import Credentials, load_credentials
from orchestrator.local.part import StackError
from orchestrator.local.runner import PartView, State
from orchestrator.local.stack_file import Stack, StackRecorder, read_stack
from orchestrator.local.state_folder import StateFolder

ROOT = Path(__file__).resolve().parents[2]
READY = PartView("api", State.READY, 7, 0, 1.0, "")
HOLD = (
    "import sys, time\n"
    "from pathlib import Path\n"
    "from orchestrator.local.state_folder import StateFolder\n"
    "with StateFolder(Path(sys.argv[1])).lock():\n"
    "    print(flush=True)\n"
    "    time.sleep(60)"
)


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return describe_stack(choose_ports(0, tmp_path / "ports.json"), Credentials())


class TestLock:
    def test_a_folder_in_use_is_refused_with_the_process_that_holds_it(self, state: StateFolder) -> None:
        holder = hold(state)
        with pytest.raises(StackError, match=f"in use by another stack .process {holder.pid}."), state.lock():
            pass
        end(holder)

    def test_the_lock_goes_with_a_holder_that_is_killed(self, state: StateFolder) -> None:
        end(hold(state))
        assert state.supervisor_pid() is None
        with state.lock():
            assert state.supervisor_pid() == os.getpid()

    def test_new_folders_are_closed_to_others(self, state: StateFolder) -> None:
        with state.lock():
            assert state.root.stat().st_mode & 0o777 == 0o700
        assert state.folder("logs").stat().st_mode & 0o777 == 0o700

    def test_a_folder_of_a_part_makes_no_open_root(self, state: StateFolder) -> None:
        state.folder("logs")
        assert state.root.stat().st_mode & 0o777 == 0o700


class TestStackFile:
    def test_nothing_is_told_before_every_part_has_answered(self, state: StateFolder, stack: Stack) -> None:
        with state.lock():
            record = StackRecorder(state.stack_file, stack)
            record([READY, replace(READY, name="keeper", state=State.STARTING)])
            with pytest.raises(StackError, match="not ready yet"):
                read_stack(state)
            record([READY, replace(READY, name="keeper", pid=8)])
            assert read_stack(state).processes == {"api": 7, "keeper": 8}
            written = state.stack_file.read_bytes()
            state.stack_file.write_text("{}")
            with pytest.raises(StackError, match="another version"):
                read_stack(state)
            state.stack_file.write_bytes(written)

    def test_it_is_ours_alone_and_follows_a_restart(self, state: StateFolder, stack: Stack) -> None:
        with state.lock():
            record = StackRecorder(state.stack_file, stack)
            record([READY])
            record([replace(READY, state=State.RESTARTING, pid=None)])
            assert read_stack(state).processes == {"api": 7}, "the last known one, until there is another"
            record([replace(READY, pid=9, restarts=1)])
            assert read_stack(state).processes == {"api": 9}
            assert state.stack_file.stat().st_mode & 0o777 == 0o600
            assert sorted(path.name for path in state.root.iterdir()) == ["lock", "stack.json"]

    def test_it_holds_what_clients_need(self, state: StateFolder, stack: Stack) -> None:
        with state.lock():
            StackRecorder(state.stack_file, stack)([READY])
        told = json.loads(state.stack_file.read_text())
        assert told.keys() >= {"api", "api_key", "redis", "s3", "triton", "processes"}
        assert told["s3"].keys() == {"endpoint", "bucket", "access_key_id", "secret_access_key"}
        assert told["triton"].keys() == {"http", "grpc", "metrics", "warden"}

    def test_a_disk_that_refuses_is_asked_again(self, state: StateFolder, stack: Stack) -> None:
        record = StackRecorder(state.stack_file, stack)
        record([READY])
        with state.lock():
            record([READY])
            assert read_stack(state).processes == {"api": 7}

    def test_a_file_left_by_a_killed_stack_is_not_believed(self, state: StateFolder, stack: Stack) -> None:
        with state.lock():
            StackRecorder(state.stack_file, stack)([READY])
        with pytest.raises(StackError, match="no stack is running"):
            read_stack(state)


class TestMemory:
    def test_credentials_are_made_once_and_kept_to_ourselves(self, tmp_path: Path) -> None:
        path = tmp_path / "credentials.json"
        first = load_credentials(path)
        assert load_credentials(path) == first
        assert path.stat().st_mode & 0o777 == 0o600
        assert len(set(first.model_dump().values())) == len(Credentials.model_fields)

    def test_a_folder_of_an_older_version_gets_what_it_lacks_once(self, tmp_path: Path) -> None:
        path = tmp_path / "credentials.json"
        path.write_text(Credentials(api_key="kept").model_dump_json(exclude={"key_pepper"}))
        first = load_credentials(path)
        assert first.api_key == "kept"
        assert load_credentials(path) == first, "another pepper would end every key"

    def test_damaged_credentials_are_never_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "credentials.json"
        path.write_text("{")
        with pytest.raises(StackError, match="damaged") as failure:
            load_credentials(path)
        assert isinstance(failure.value.__cause__, ValidationError)
        assert path.read_text() == "{"

    def test_ports_stay_the_same_from_run_to_run(self, tmp_path: Path) -> None:
        memory = tmp_path / "ports.json"
        assert choose_ports(0, memory) == choose_ports(0, memory)

    def test_ports_are_chosen_anew_when_one_is_taken(self, tmp_path: Path) -> None:
        memory = tmp_path / "ports.json"
        before = choose_ports(0, memory)
        with socket.create_server(("127.0.0.1", before.redis)):
            assert choose_ports(0, memory).redis != before.redis

    def test_a_taken_port_of_the_api_is_refused(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            with pytest.raises(StackError, match=f"port {port} is in use"):
                choose_ports(port, tmp_path / "ports.json")

    def test_logs_tell_of_one_run_and_the_last_one_is_kept(self, state: StateFolder) -> None:
        log = state.folder("logs") / "api.log"
        log.write_text("yesterday")
        state.set_old_logs_aside()
        assert not log.exists()
        assert (state.logs / "api.log.1").read_text() == "yesterday"


def hold(state: StateFolder) -> subprocess.Popen[str]:
    """Another process that holds the folder."""
    command = (sys.executable, "-c", HOLD, str(state.root))
    holder = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert holder.stdout
    holder.stdout.readline()
    return holder


def end(holder: subprocess.Popen[str]) -> None:
    with holder:
        holder.send_signal(signal.SIGKILL)
