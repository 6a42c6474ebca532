"""Triton is away for long, and R2 knows our keys no more. Tests are named after the number of their fault."""

from dataclasses import replace
from pathlib import Path
from typing import cast

from echo_load import submit_echo, submit_echoes
from fakes_storage import MemoryStorage
from processes import let_pass, wait_for
from proxied_node import ProxiedNode
from record_store import open_store
from run_room import HandClock, RunRoom, submit_upscale
from servers import SeaweedFs
from verdict import assert_sound, attempts, await_all, statuses

from orchestrator.adapters.redis.breakers import RedisBreakers
from orchestrator.adapters.s3_storage import KeyFile, S3Storage
from orchestrator.domain.breaker import R2, name_triton
from orchestrator.domain.task import Status
from orchestrator.pipelines.registry import NEEDED_BY
from orchestrator.services.upkeep.find_out import FindOut
from orchestrator.telemetry import build_queue_metrics

OPEN_WITHIN_S = 30.0  # on a busy machine; what counts is how many tries were made until then
AWAY_S = 7.0  # the first probe meets it, too


def tries(node: ProxiedNode, ids: list[str]) -> list[int]:
    return [len(attempts(node.store, task_id)) for task_id in ids]


def is_open(node: ProxiedNode) -> bool:
    return node.store.hget("orch:breakers", name_triton(f"127.0.0.1:{node.outside.triton.port}")) is not None


def await_served(node: ProxiedNode) -> None:
    """Until its owner has seen the server nothing is claimed, and so nothing can fail."""
    wait_for(lambda: bool(node.admin.exists("orch:serving:echo")), within_s=60)


def is_kept_away(node: ProxiedNode) -> bool:
    """By the breaker, or by the owner of the server, who may be the first to see that it is away."""
    return is_open(node) or bool(node.admin.sismember("orch:held_back", "echo"))


def await_kept_away(node: ProxiedNode) -> None:
    wait_for(lambda: is_kept_away(node), within_s=OPEN_WITHIN_S)


def test_fault_22_one_lonely_task_does_not_use_up_its_tries(node: ProxiedNode) -> None:
    await_served(node)
    with node.outside.triton.down():
        ids = [submit_echo(node)]
        await_kept_away(node)
        assert tries(node, ids) <= [3]
    await_all(node.store, ids)
    assert_sound(node.store, ids)


def test_fault_22_triton_is_down_for_long(node: ProxiedNode) -> None:
    await_served(node)
    with node.outside.triton.down():
        ids = submit_echoes(node, 40)
        await_kept_away(node)
        wait_for(lambda: statuses(node.store, ids) == {"queued"})
        used = tries(node, ids)
        assert max(used) <= 3, used
        late = submit_echo(node)
        let_pass(AWAY_S)
        assert is_kept_away(node)
        assert statuses(node.store, [*ids, late]) == {"queued"}
        assert tries(node, [*ids, late]) == [*used, 0]
        place = node.http.get(f"/v1/tasks/{late}").json()["queue"]
        assert place["eta_s"] is None
        assert place["away"] != []
        assert set(place["away"]) <= {"triton", "model:echo"}  # by the breaker, by the owner, or by both
    await_all(node.store, [*ids, late])
    assert_sound(node.store, [*ids, late])
    assert not is_open(node)


def test_fault_30_keys_are_revoked_and_new_ones_need_no_restart(
    redis_url: str, s3_server: SeaweedFs, tmp_path: Path
) -> None:
    file, metrics = tmp_path / "credentials", build_queue_metrics()

    def rotate(secret: str) -> None:
        file.write_text(f"[default]\naws_access_key_id = {s3_server.access_key_id}\naws_secret_access_key = {secret}\n")

    with open_store(redis_url) as store:
        store.tick(30)
        rotate(s3_server.secret_access_key)
        storage = S3Storage(replace(s3_server.address, key_file=KeyFile(file)))
        clock = HandClock()
        breakers = RedisBreakers(store.scripts, clock, types=NEEDED_BY)
        find_out = FindOut(breakers, {R2: storage.check}, metrics)
        room = RunRoom(
            store, tmp_path / "scratch", storage=cast("MemoryStorage", storage), clock=clock, breakers=breakers
        )
        submit_upscale(room, tmp_path)
        rotate("revoked")
        room.execute()
        assert (room.task.status, room.task.tries, room.attempts) == (Status.QUEUED, {}, ())
        find_out.tick()
        assert metrics.registry.get_sample_value("orchestrator_breaker_denied", {"dependency": R2}) == 1
        for _ in range(20):
            store.tick(1)
            clock.now_s += 1
            find_out.tick()
            assert not store.claim().runs
        rotate(s3_server.secret_access_key)
        for _ in range(20):
            store.tick(1)
            clock.now_s += 1
            find_out.tick()
        room.execute()
        assert (room.task.status, room.task.tries) == (Status.SUCCEEDED, {})
