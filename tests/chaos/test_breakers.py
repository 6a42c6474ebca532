"""Triton is away for long, and R2 knows our keys no more. Tests are named after the number of their fault."""

from echo_load import submit_echo, submit_echoes
from processes import let_pass, wait_for
from proxied_node import ProxiedNode
from verdict import assert_sound, attempts, await_all, statuses

OPEN_WITHIN_S = 10.0
AWAY_S = 7.0  # the first probe meets it, too; ten minutes of it once by hand (docs/chaos.md)


def tries(node: ProxiedNode, ids: list[str]) -> list[int]:
    return [len(attempts(node.store, task_id)) for task_id in ids]


def is_open(node: ProxiedNode, dependency: str = "triton") -> bool:
    return node.store.hget("orch:breakers", dependency) is not None


def await_open(node: ProxiedNode, ids: list[str]) -> None:
    """Within ten seconds of the first run that has failed, which had to be within as many."""
    wait_for(lambda: any(tries(node, ids)), within_s=OPEN_WITHIN_S)
    wait_for(lambda: is_open(node), within_s=OPEN_WITHIN_S)


def test_fault_22_one_lonely_task_does_not_use_up_its_tries(node: ProxiedNode) -> None:
    with node.outside.triton.down():
        ids = [submit_echo(node)]
        await_open(node, ids)
        assert tries(node, ids) <= [3]
    await_all(node.store, ids)
    assert_sound(node.store, ids)


def test_fault_22_triton_is_down_for_long(node: ProxiedNode) -> None:
    with node.outside.triton.down():
        ids = submit_echoes(node, 40)
        await_open(node, ids)
        wait_for(lambda: statuses(node.store, ids) == {"queued"})
        used = tries(node, ids)
        assert max(used) <= 3, used
        late = submit_echo(node)
        let_pass(AWAY_S)
        assert is_open(node)
        assert statuses(node.store, [*ids, late]) == {"queued"}
        assert tries(node, [*ids, late]) == [*used, 0]
        place = node.http.get(f"/v1/tasks/{late}").json()["queue"]
        assert (place["away"], place["eta_s"]) == (["triton"], None)
    await_all(node.store, [*ids, late])
    assert_sound(node.store, [*ids, late])
    assert not is_open(node)
