"""Send a webhook: tell an endpoint, or the receiver that a task names, of one line of the task's story."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from orchestrator.domain.delivery import Delivery
from orchestrator.domain.errors import Category, Refused
from orchestrator.domain.task import Task, TaskEvent
from orchestrator.domain.webhook import EndpointChange, Secrets, WebhookNotFound
from orchestrator.domain.webhook_message import message_id, render_event
from orchestrator.ports.webhooks import Message, MessageSender, Signing

SERVICE = "webhook"
OF_THE_TASK = "task"
GONE = "its receiver is gone (410)"
DISABLED = "endpoint_disabled"


@dataclass(frozen=True, slots=True)
class SendWebhook:
    """Implements `ports.destinations.Sender`. ``links_to`` is where clients reach the API."""

    webhooks: Signing
    messages: MessageSender
    new_secret: Callable[[], bytes]
    links_to: str = ""

    @property
    def wants_only_latest(self) -> bool:
        return False

    def send(self, delivery: Delivery, task: Task, *, event: TaskEvent) -> str:
        url, secrets = self._target(delivery, task)
        body = render_event(task, event, links_to=self.links_to)
        message = Message(message_id(task.id, delivery.destination, event=event), body)
        try:
            return self.messages.send(url, message, secrets=secrets)
        except Refused as error:
            self._disable(delivery, task)
            raise _refused(str(error), code=DISABLED) from error

    def _target(self, delivery: Delivery, task: Task) -> tuple[str, Secrets]:
        if _endpoint_id(delivery) == OF_THE_TASK:
            if task.webhook is None:
                raise _refused("the task names no webhook", code="endpoint_unknown")
            return task.webhook["url"], self.webhooks.own_secrets(task.project, otherwise=self.new_secret())
        try:
            found = self.webhooks.unseal(task.project, _endpoint_id(delivery))
        except WebhookNotFound as error:
            raise _refused("the endpoint has been deleted", code="endpoint_unknown") from error
        if found.endpoint.disabled_reason is not None:
            raise _refused(f"the endpoint is disabled: {found.endpoint.disabled_reason}", code=DISABLED)
        return found.endpoint.receiver.url, found.secrets

    def _disable(self, delivery: Delivery, task: Task) -> None:
        """Nothing is sent to an endpoint whose receiver is gone, until somebody enables it again."""
        if _endpoint_id(delivery) != OF_THE_TASK:
            with suppress(WebhookNotFound):
                self.webhooks.change(task.project, _endpoint_id(delivery), change=EndpointChange(disabled_reason=GONE))


def _endpoint_id(delivery: Delivery) -> str:
    return delivery.destination.partition(":")[2]


def _refused(message: str, *, code: str) -> Refused:
    return Refused(message, service=SERVICE, category=Category.INVALID_INPUT, code=code)
