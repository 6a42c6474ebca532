"""Deliveries a second to a receiver on this machine, beside a bare httpx loop that posts the same to the same one.

Ours are signed webhooks of real workers: claimed, sent through the guarded connector, and committed one by one.
"""

from dataclasses import replace
from itertools import islice
from typing import cast

import httpx
from backlog import PIPELINED, made_tasks
from echo import ECHO
from figures import Goal, Ratio, measure_in_turn
from receiver import await_rate, begin, running_receiver
from redis import Redis
from stack import Stack, running_stack

from orchestrator.adapters.redis.client import RedisClient
from orchestrator.adapters.redis.intake import render_new
from orchestrator.adapters.redis.scripts import Scripts, script_text

OTHER_LANE = "audio"  # of tasks that nobody runs: what is told of them is that they are queued
DELIVERIES = 2_000
PROJECTS = [f"film-{number}" for number in range(4)]
BODY_BYTES = 600  # about that of ours


def measure_deliveries(*, children: int, rounds: int) -> list[Ratio]:
    """Each side from its first post to its last, as the receiver saw them."""
    with running_receiver() as url, running_stack(lanes="io", workers=children) as stack:
        deliver(stack, url, count=100)  # warm
        post(url, count=100)
        runs = measure_in_turn(
            lambda: deliver(stack, url, count=DELIVERIES), lambda: post(url, count=DELIVERIES), rounds=rounds
        )
    return [Ratio("deliveries", "deliveries/s", Goal(0.5, at_least=True), runs)]


def deliver(stack: Stack, url: str, *, count: int) -> float:
    """A second: tasks of four projects, each with a webhook of its own."""
    begin(url)
    own = {"url": f"{url}/hooks", "events": ["queued"], "channel": "webhook:127.0.0.1"}
    with Redis.from_url(stack.redis, decode_responses=True) as redis:
        redis.script_load(script_text("submit"))
        waiting = made_tasks(count, projects=PROJECTS, params=ECHO["params"])
        while batch := list(islice(waiting, PIPELINED)):
            pipeline = redis.pipeline(transaction=False)
            scripts = Scripts(cast("RedisClient", pipeline))
            for task in batch:
                scripts.run("submit", render_new(replace(task, lane=OTHER_LANE, webhook=own)))
            pipeline.execute()
    return await_rate(url, count)


def post(url: str, *, count: int) -> float:
    """A second: one client, one after the other."""
    begin(url)
    body = b"x" * BODY_BYTES
    with httpx.Client() as client:
        for _ in range(count):
            client.post(f"{url}/hooks", content=body).raise_for_status()
    return await_rate(url, count)
