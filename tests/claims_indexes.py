"""What the state machine of `integration/test_claims_machine.py` expects of every index and sum."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise

from claims_model import Known
from record_store import RecordStore

from orchestrator.domain.task import Status

Indexes = Mapping[str, frozenset[str]]
SETS = tuple(f"orch:{kind}" for kind in ("held:", "models:", "lanes", "running:", "queued:", "pins:"))
BESIDE_THE_TURN = {"tags", "clock", "parked", "at_quota"}


def expected_indexes(tasks: Iterable[Known]) -> Indexes:
    """Every index of invariant I1, and the fair queue's, as the tasks demand it."""
    found: dict[str, set[str]] = defaultdict(set)
    for known in tasks:
        new, lane = known.new, known.waits_in
        stock = f"{new.model}:{new.type}"
        if known.is_following and known.leader:
            found[f"orch:followers:{known.leader.new.id}"].add(new.id)
            found[f"orch:queued:{new.project}"].add(new.id)
        elif known.is_ready:
            found[f"orch:ready:{lane}:{new.project}:{stock}"].add(new.id)
            found[f"orch:models:{lane}:{new.project}"].add(stock)
            found[f"orch:turn:{lane}"].add(new.project)
            found["orch:lanes"].add(lane)
            found[f"orch:queued:{new.project}"].add(new.id)
        elif known.status is Status.QUEUED:
            found["orch:delayed"].add(new.id)
            found[f"orch:queued:{new.project}"].add(new.id)
        elif known.run is not None:
            found["orch:leases"].add(new.id)
            found[f"orch:held:{known.run.owner}"].add(new.id)
            found[f"orch:running:{new.project}"].add(new.id)
            found[f"orch:run:{known.run.run_id}"].add(new.id)
            if known.run.placement:
                found[f"orch:pins:{known.run.placement.instance}:{known.run.placement.release}"].add(new.id)
        else:
            found["orch:ended"].add(new.id)
            if known.epoch > 1 or (known.epoch == 1 and known.status is not Status.SUCCEEDED):
                found["orch:strays"].add(new.id)
        if known.start_by_ms is not None:
            found["orch:deadlines"].add(new.id)
        found[f"orch:tasks:{new.project}"].add(new.id)
    return {key: frozenset(ids) for key, ids in found.items()}


def expected_sums(tasks: Iterable[Known], stored_bytes: int) -> Mapping[str, int]:
    """What must be counted of every lane's ready work, and of what projects keep; nothing where that is nothing."""
    found: dict[str, int] = defaultdict(int)
    for known in tasks:
        if known.is_ready:
            found[f"orch:backlog:{known.waits_in}:tasks"] += 1
            found[f"orch:backlog:{known.waits_in}:ms"] += int(known.new.predicted_s * 1000)
        if known.status is Status.SUCCEEDED and not known.leader:
            found[f"orch:usage:{known.new.project}"] += stored_bytes
    return dict(found)


READ_STATE = """
    local indexes, records = {}, {}
    for _, key in ipairs(redis.call('KEYS', 'orch:*')) do
        local kind, prefix, id = redis.call('TYPE', key).ok, string.match(key, '^orch:(%a+):?(.*)$')
        if key == 'orch:projects' then -- not of tasks
        elseif prefix == 'turn' then
          indexes[key] = redis.call('ZRANGE', key, 0, -1)
          indexes['orch:parked:' .. id] = redis.call('ZRANGE', key, 1e15, '+inf', 'BYSCORE')
        elseif kind == 'zset' then indexes[key] = redis.call('ZRANGE', key, 0, -1)
        elseif key == 'orch:held_back' or string.find('dismissed instances routed', prefix) then -- claims_owners.py
        elseif kind == 'set' then indexes[key] = redis.call('SMEMBERS', key)
        elseif prefix == 'run' or prefix == 'content' then indexes[key] = {redis.call('GET', key)}
        elseif prefix == 'idem' then indexes[key] = {redis.call('HGET', key, 'task')}
        elseif prefix == 'clock' then indexes[key] = {'a clock'}
        elseif prefix == 'task' then records[id] = redis.call('HGETALL', key) end
    end
    return cjson.encode({indexes, records})
"""
"""Lua of a test: the indexes, and the records by id."""

READ_SUMS = """
    local sums = {}
    for _, key in ipairs(redis.call('KEYS', 'orch:backlog:*')) do
        for i, value in ipairs(redis.call('HVALS', key)) do
            local what = key .. ':' .. string.match(redis.call('HKEYS', key)[i], ':(%a+)$')
            sums[what] = (sums[what] or 0) + value
        end
    end
    for _, key in ipairs(redis.call('KEYS', 'orch:usage:*')) do
        sums[key] = tonumber(redis.call('HGET', key, 'bytes') or 0)
    end
    return cjson.encode(sums)
"""


def without_tags(indexes: Indexes, expected: Indexes) -> Indexes:
    """The same, after a look at the tags and clocks that only a lane with a turn may have.

    What a claim handed out is remembered for one lease by the server's own clock, which no test holds in its hand.
    """
    gone = {key: ids for key, ids in expected.items() if key.startswith("orch:run:") and key not in indexes}
    for key, projects in indexes.items():
        kind, _, lane = key.removeprefix("orch:").partition(":")
        if kind == "tags":
            turn = indexes.get(f"orch:turn:{lane}")
            assert turn, f"{key} remembers a lane in which nothing waits"
            assert not projects & (turn - indexes[f"orch:parked:{lane}"]), "whose turn comes has no second tag"
    return gone | {key: ids for key, ids in indexes.items() if key.split(":")[1] not in BESIDE_THE_TURN}


def parked_at_quota(indexes: Indexes) -> set[str]:
    """The projects that are kept out of a turn by their quota; each must be parked in just those lanes."""
    found = set()
    for key, lanes in indexes.items():
        if key.startswith("orch:at_quota:"):
            project = key.removeprefix("orch:at_quota:")
            assert all(project in indexes[f"orch:parked:{lane}"] for lane in lanes), (
                f"{project} is not parked in {lanes}"
            )
            found.add(project)
    return found


def assert_story_is_legal(store: RecordStore, task_id: str, *, moves: Iterable[tuple[Status, Status]]) -> None:
    """The task's events, in order, tell of nothing but moves of the table."""
    events = store.reads.events(task_id)
    order = [(event.generation, event.seq) for event in events]
    assert order == sorted(set(order))
    statuses = [Status(event.type) for event in events if event.type in set(Status)]
    for step in pairwise(statuses):
        assert step in moves, f"{task_id} went from {step[0]} to {step[1]}"
