"""A store with a task of every kind, and every way that we know to break it by hand."""

from collections.abc import Mapping
from dataclasses import replace

from record_store import DONE, FAILURE, RecordStore, new_task

from orchestrator.domain.retry import Again, GiveUp

DELAY_S = 300
LIVE = {"running", "delayed", "ready", "ready-too", "ready-b", "film"}


def populate(store: RecordStore) -> None:
    """A task in every place and of every end, in two projects, with and without keys and deadlines."""
    runs = {}
    store.client.set("orch:serving:echo", "1 echo gpu:1")
    for name in ("running", "delayed", "succeeded", "failed"):
        store.submit(new_task(name, key=f"k-{name}"))
        runs[name] = store.claim_one()
    store.claims.fail(runs["delayed"], FAILURE, decision=Again(after_s=DELAY_S, counts=True))
    store.claims.finish(runs["succeeded"], DONE)
    store.claims.fail(runs["failed"], FAILURE, decision=GiveUp())
    store.submit(
        new_task("canceled"),
        new_task("ready", key="k-ready", start_by_s=600),
        new_task("ready-too"),
        replace(new_task("ready-b", project="film-b"), model="other"),
        replace(new_task("film", project="film-b"), lane="video"),
    )
    store.intake.cancel("film-a", "canceled")


READY, READY_B = "orch:ready:io:film-a:echo:system.echo", "orch:ready:io:film-b:other:system.echo"

# Commands that break the store, and what of it must be among the finds.
BREAKS: Mapping[str, tuple[tuple[str, ...], tuple[str, str, str]]] = {
    "a project is not in the turn": (("ZREM orch:turn:io film-a",), ("missing", "turn", "film-a")),
    "a lane has no turn": (("DEL orch:turn:io",), ("missing", "turn", "film-b")),
    "a lane is not known": (("SREM orch:lanes io",), ("missing", "lanes", "io")),
    "a model is not known": (
        ("SREM orch:models:io:film-b other:system.echo",),
        ("missing", "models", "other:system.echo"),
    ),
    "nobody knows of a queue": (
        ("DEL orch:models:io:film-a", "DEL orch:turn:io", "DEL orch:lanes"),
        ("missing", "models", "echo:system.echo"),
    ),
    "a ready set is lost": ((f"DEL {READY}",), ("missing", "ready", "ready")),
    "a ready task has no place": ((f"ZREM {READY} ready",), ("missing", "ready", "ready")),
    "a ready task has another rank": ((f"ZADD {READY} 5 ready",), ("score", "ready", "ready")),
    "a delayed task has no place": (("ZREM orch:delayed delayed",), ("missing", "delayed", "delayed")),
    "a delayed task is never due": (("ZADD orch:delayed +inf delayed",), ("score", "delayed", "delayed")),
    "a run has no lease": (("ZREM orch:leases running",), ("missing", "leases", "running")),
    "a lease is not held": (("SREM orch:held:worker-1 running",), ("missing", "held", "running")),
    "a run is not among those of its project": (
        ("SREM orch:running:film-a running",),
        ("missing", "running", "running"),
    ),
    "a waiting task is not among those of its project": (
        ("SREM orch:queued:film-a delayed",),
        ("missing", "queued", "delayed"),
    ),
    "a run does not pin its model": (("SREM orch:pins:gpu:1:echo running",), ("missing", "pins", "running")),
    "one that has ended pins a model": (("SADD orch:pins:gpu:1:echo failed",), ("stray", "pins", "failed")),
    "a run pins another model": (("SADD orch:pins:gpu:1:echo@2 running",), ("stray", "pins", "running")),
    "nobody pins a model": (("SADD orch:pins:gpu:1:echo gone",), ("orphan", "pins", "gone")),
    "one that waits counts as running": (("SADD orch:running:film-a ready",), ("stray", "running", "ready")),
    "one that has ended counts as queued": (("SADD orch:queued:film-a failed",), ("stray", "queued", "failed")),
    "another project pays": (("SADD orch:running:film-b running",), ("stray", "running", "running")),
    "nobody runs": (("SADD orch:running:film-a gone",), ("orphan", "running", "gone")),
    "at a quota and in the turn": (("SADD orch:at_quota:film-a io",), ("stray", "at_quota", "io")),
    "a ready task is not filed": (("HDEL orch:task:ready filed filed_ms",), ("missing", "backlog", "ready")),
    "one that runs is filed": (("HSET orch:task:running filed 1 filed_ms 9",), ("stray", "backlog", "running")),
    "a backlog of an idle lane": (("HSET orch:backlog:audio 1:ms 9",), ("orphan", "backlog", "audio")),
    "a pin is not listed": (("HSET orch:project:film-z pool stage-1",), ("missing", "pinned", "film-z")),
    "a pin of nobody": (("HSET orch:pinned film-z stage-1",), ("stray", "pinned", "film-z")),
    "bytes of nobody": (("HSET orch:usage:film-z bytes 9",), ("orphan", "usage", "film-z")),
    "a deadline is lost": (("DEL orch:deadlines",), ("missing", "deadlines", "ready")),
    "a terminal task is not in ended": (("ZREM orch:ended failed",), ("missing", "ended", "failed")),
    "an end has another time": (("ZADD orch:ended 9e15 failed",), ("score", "ended", "failed")),
    "a project does not list a task": (("ZREM orch:tasks:film-a delayed",), ("missing", "tasks", "delayed")),
    "a key has forgotten its task": (("DEL orch:idem:film-a:k-running",), ("missing", "idem", "running")),
    "everything but the records is lost": (
        ("EVAL for_all_but_records",),
        ("missing", "leases", "running"),
    ),
    "ready and delayed": (("ZADD orch:delayed 5 ready",), ("stray", "delayed", "ready")),
    "ready and leased": (("ZADD orch:leases 5 ready",), ("stray", "leases", "ready")),
    "delayed and ready": ((f"ZADD {READY} 5 delayed",), ("stray", "ready", "delayed")),
    "running and ready": ((f"ZADD {READY} 5 running",), ("stray", "ready", "running")),
    "ready for the wrong project": ((f"ZADD {READY_B} 5 ready",), ("stray", "ready", "ready")),
    "ended and ready": ((f"ZADD {READY} 5 succeeded",), ("stray", "ready", "succeeded")),
    "ended and leased": (("ZADD orch:leases 5 succeeded",), ("stray", "leases", "succeeded")),
    "live and ended": (("ZADD orch:ended 5 ready",), ("stray", "ended", "ready")),
    "held by another": (("SADD orch:held:worker-9 running",), ("stray", "held", "running")),
    "held but not running": (("SADD orch:held:worker-1 ready",), ("stray", "held", "ready")),
    "a deadline of one that runs": (("ZADD orch:deadlines 9e15 running",), ("stray", "deadlines", "running")),
    "listed by another project": (("ZADD orch:tasks:film-b 0 ready",), ("stray", "tasks", "ready")),
    "a model without work": (("SADD orch:models:io:film-a idle",), ("stray", "models", "idle")),
    "a project without work in the turn": (("ZADD orch:turn:io 0 idle",), ("stray", "turn", "idle")),
    "a lane without work": (("SADD orch:lanes idle",), ("stray", "lanes", "idle")),
    "a tag of one that is in the turn": (("ZADD orch:tags:io 9 film-a",), ("stray", "tags", "film-a")),
    "a tag in an idle lane": (("ZADD orch:tags:audio 9 film-a",), ("stray", "tags", "film-a")),
    "a clock in an idle lane": (("SET orch:clock:audio 9",), ("orphan", "clock", "audio")),
    "a queue of nobody": (("ZADD orch:ready:audio:film-c:gone 1 gone",), ("orphan", "ready", "gone")),
    "a lease without a record": (("ZADD orch:leases 9e15 gone",), ("orphan", "leases", "gone")),
    "a hold without a record": (("SADD orch:held:worker-1 gone",), ("orphan", "held", "gone")),
    "a wait without a record": (("ZADD orch:delayed 9e15 gone",), ("orphan", "delayed", "gone")),
    "a deadline without a record": (("ZADD orch:deadlines 9e15 gone",), ("orphan", "deadlines", "gone")),
    "an end without a record": (("ZADD orch:ended 9e15 gone",), ("orphan", "ended", "gone")),
    "a listing without a record": (("ZADD orch:tasks:film-a 0 gone",), ("orphan", "tasks", "gone")),
    "a key without a record": (("HSET orch:idem:film-a:k task gone request_sha256 x",), ("orphan", "idem", "gone")),
    "a key without an end": (("PERSIST orch:idem:film-a:k-ready",), ("missing", "idem", "ready")),
    "events without a record": (("XADD orch:events:gone 1-1 type queued",), ("orphan", "events", "gone")),
    "a story without a task": (("XADD orch:story:film-z * task gone",), ("orphan", "story", "film-z")),
    "attempts without a record": (("XADD orch:attempts:gone 1-1 worker w",), ("orphan", "attempts", "gone")),
    "a claim that never ends": (("SET orch:run:gone running",), ("orphan", "run", "gone")),
    "a record is lost": (("DEL orch:task:running",), ("orphan", "leases", "running")),
    "no place in the record": (("HDEL orch:task:ready place",), ("misplaced", "record", "ready")),
    "a place that the status contradicts": (
        ("HSET orch:task:running place ready",),
        ("misplaced", "record", "running"),
    ),
    "a place after the end": (("HSET orch:task:failed place ready",), ("misplaced", "record", "failed")),
    "delayed until nobody knows when": (("HDEL orch:task:delayed due_ms",), ("misplaced", "record", "delayed")),
    "a solo task among the others": (("HSET orch:task:ready solo 1",), ("missing", "ready", "ready")),
    "running by nobody": (("HDEL orch:task:running run_id owner",), ("misplaced", "record", "running")),
    "no time of the end": (("HDEL orch:task:failed ended_ms", "DEL orch:ended"), ("missing", "ended", "failed")),
}
FORGET_INDEXES = """
for _, key in ipairs(redis.call('KEYS', 'orch:*')) do
  if not string.match(key, '^orch:task:') then redis.call('DEL', key) end
end
"""


def carry_out(store: RecordStore, command: str) -> None:
    """One command, as from `valkey-cli`."""
    text = FORGET_INDEXES if command == "EVAL for_all_but_records" else "redis.call(unpack(ARGV))"
    store.client.eval(text, 0, *command.split())
