"""A long queue, made quickly: the submit script itself, pipelined. No lane is rung, nothing goes over HTTP."""

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import cast

from redis import Redis

from orchestrator.adapters.redis.client import RedisClient
from orchestrator.adapters.redis.intake import render_new
from orchestrator.adapters.redis.scripts import Scripts, script_text
from orchestrator.adapters.sortable_ids import new_id
from orchestrator.domain.task import JsonObject, NewTask, Priority
from orchestrator.pipelines.registry import find_pipeline

PIPELINED = 500


def fill(redis_url: str, *, tasks: int, projects: Sequence[str], params: JsonObject) -> None:
    """Queue ``tasks`` echoes, evenly over ``projects``, and return when the store has come to rest."""
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        redis.script_load(script_text("submit"))
        waiting = made_tasks(tasks, projects=projects, params=params)
        while batch := list(islice(waiting, PIPELINED)):
            pipeline = redis.pipeline(transaction=False)
            scripts = Scripts(cast("RedisClient", pipeline))
            for task in batch:
                scripts.run("submit", render_new(task))
            pipeline.execute()
        while redis.info("persistence")["aof_rewrite_in_progress"]:
            time.sleep(0.5)  # the file is rewritten because it grew; that is not what a long queue costs


def made_tasks(count: int, *, projects: Sequence[str], params: JsonObject) -> Iterator[NewTask]:
    pipeline = find_pipeline("system.echo")
    for number in range(count):
        yield NewTask(
            id=new_id("task"),
            project=projects[number % len(projects)],
            type=pipeline.name,
            lane=pipeline.lane,
            model=pipeline.model,
            input={},
            params=pipeline.params.model_validate(params).model_dump(mode="json"),
            labels={},
            priority=Priority.NORMAL,
            predicted_s=pipeline.predicted_s,
            request_sha256="",
        )
