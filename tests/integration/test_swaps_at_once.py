"""Swaps of several models at a time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from processes import wait_for
from record_store import open_store
from swap_room import GPU, SIZE_BYTES, SwapRoom, identity

from orchestrator.domain.model import Release, Resident, ResidentState
from orchestrator.domain.swap import Step
from orchestrator.ports.inference import Tensors


def test_a_slow_gate_holds_up_no_other_swap_nor_the_duty(redis_url: str) -> None:
    with open_store(redis_url) as store:
        room = SwapRoom(store)
        two = room.push(2)
        go_on, asked = threading.Event(), threading.Event()

        def slowly(inputs: Tensors) -> Tensors:
            asked.set()
            assert go_on.wait(30)
            return inputs

        room.models[two.name] = lambda inputs: {"y": slowly(inputs)["x"]}
        other = Release("other", 2)
        room.releases.push(other)
        room.models |= {"other": identity, other.name: identity}
        room.residency.note(GPU, Resident("other", ResidentState.READY, bytes=SIZE_BYTES))
        with ThreadPoolExecutor(2) as threads:
            duty = replace(room.duty, executor=threads)
            room.ask.swap(two, by="key_1")
            room.ask.swap(other, by="key_1")

            def is_done() -> bool:
                duty.tick()
                room.obey()
                found = room.swaps.find("other")
                return found is not None and found.swap.step is Step.DONE

            wait_for(is_done)
            assert asked.wait(30)
            assert room.swap.step is Step.WARMING
            go_on.set()
        wait_for(lambda: room.tick().step is Step.DONE)
