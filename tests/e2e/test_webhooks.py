"""A stack tells a receiver on this machine what becomes of a task: registered, signed, in order, from the shell."""

from collections.abc import Iterator

import pytest
from live_stack import LiveStack
from webhook_receiver import Receiver, receiver

pytestmark = pytest.mark.timeout(120)

ALL = ["task.queued", "task.running", "task.succeeded"]


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def test_an_endpoint_and_a_task_s_own_receiver_hear_its_story(stack: LiveStack, there: Receiver) -> None:
    made = stack.show("webhooks", "create", f"{there.url}/all")
    try:
        assert made["ping"]["code"] == "ok"
        task = stack.show("submit", "system.echo", "--webhook", f"{there.url}/mine", "--watch")
        assert task["status"] == "succeeded"
        heard = there.wait_for(1 + 2 * len(ALL))[1:]
    finally:
        assert stack.run("webhooks", "delete", made["id"]).returncode == 0
    own = stack.show("webhooks", "secret")["secret"]
    for path, secret in (("/hooks/all", made["secret"]), ("/hooks/mine", own)):
        told = [said.verified(secret) for said in heard if said.path == path]
        assert [message["type"] for message in told] == ALL
        assert {message["data"]["id"] for message in told} == {task["id"]}
        assert told[-1]["data"]["result"] == task["result"]
        assert stack.http.get(told[-1]["data"]["links"]["self"]).json()["id"] == task["id"]
