"""One key, one task; one content, one run: through the whole stack."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from live_stack import LiveStack
from made_media import noise
from PIL import Image
from verdict import assert_sound

ECHO = {"type": "system.echo", "params": {"size_bytes": 7}}


def test_fifty_submits_at_once_with_one_key_are_one_task_with_fifty_equal_answers(stack: LiveStack) -> None:
    def submit(_: int) -> httpx.Response:
        return stack.http.post("/v1/tasks", json=ECHO, headers={"Idempotency-Key": "fifty-at-once"})

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(submit, range(50)))
    heard = {(answer.status_code, answer.content, answer.headers["Location"]) for answer in answers}
    assert len(heard) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1


def test_a_picture_is_enlarged_once_for_all_who_ask(stack: LiveStack, tmp_path: Path) -> None:
    still, copy = tmp_path / "still.png", tmp_path / "copy.png"
    Image.fromarray(noise(5, width=48, height=32)).save(still)
    copy.write_bytes(still.read_bytes())
    first = stack.show("submit", "image.upscale", still, "--dedupe")
    second = stack.show("submit", "image.upscale", copy, "--dedupe", "--watch")
    late = stack.show("submit", "image.upscale", still, "--dedupe", "--watch")
    made = stack.http.get(f"/v1/tasks/{first['id']}").json()
    assert [task["follows"] for task in (made, second, late)] == [None, first["id"], first["id"]]
    assert [file["sha256"] for file in late["outputs"]] == [file["sha256"] for file in made["outputs"]]
    assert len(httpx.get(late["outputs"][0]["url"]).content) == late["outputs"][0]["size_bytes"]
    assert_sound(stack.store, [first["id"], second["id"], late["id"]], status="succeeded")
