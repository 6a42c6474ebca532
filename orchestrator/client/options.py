"""What a submit says besides the task type, its input and its parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestrator.client.transfers import sha256_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to run a task. What is None is left to the service.

    ``idempotency_key`` makes one task of submits from several places, or after a restart; without it every call of
    `submit` makes one, however often it has to be repeated. ``sha256`` is that of the input, which the run verifies.
    ``dedupe`` "content" shares the run of a task of the project that does or has done the same; it needs ``sha256``,
    which `submit` knows of a file that it uploads. ``webhook`` is a URL that is told of this task, of what
    ``webhook_events`` names (such as ``task.succeeded``), or of all but progress. The task and its files go at
    ``expires_at``, once it has ended.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    priority: str = "normal"
    start_by_s: float | None = None
    run_for_s: float | None = None
    sha256: str | None = None
    idempotency_key: str | None = None
    dedupe: str | None = None
    webhook: str | None = None
    webhook_events: Sequence[str] = ()
    expires_at: datetime | None = None


Wish = str | Mapping[str, str] | datetime | None
AS_USUAL = Options()
DOCUMENT = "payload:"


def with_hash(options: Options, path: Path) -> Options:
    """With that of the file, if it is asked for."""
    if options.dedupe is None or options.sha256 is not None:
        return options
    return replace(options, sha256=sha256_of(path))


@dataclass(frozen=True, slots=True)
class Submission:
    """A task of a batch. ``input`` is a file, the URL of one, the key that `Client.upload` returned, or a document of
    PayloadCMS as `payload:media/3`.

    The key for repeats is that of the batch: an ``idempotency_key`` of its own is not heeded.
    """

    type: str
    input: Path | str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    options: Options = AS_USUAL


def render_submit(
    type: str,  # noqa: A002 - the API's own word
    input: str | None,  # noqa: A002 - the same
    *,
    params: Mapping[str, Any],
    options: Options,
) -> dict[str, Any]:
    """The body of a submit; ``input`` is the URL, the object or the document of the media."""
    body: dict[str, Any] = {"type": type, "params": params, "labels": options.labels, "priority": options.priority}
    if input is not None:
        body["input"] = _render_input(input)
        if options.sha256 is not None:
            body["input"]["sha256"] = options.sha256
    if options.webhook is not None:
        chosen = {"events": list(options.webhook_events)} if options.webhook_events else {}
        body["webhook"] = {"url": options.webhook, **chosen}
    if options.expires_at is not None:
        body["expires_at"] = options.expires_at.isoformat()
    wishes = {"start_by_s": options.start_by_s, "run_for_s": options.run_for_s, "dedupe": options.dedupe}
    return body | {name: value for name, value in wishes.items() if value is not None}


def render_change(wanted: Mapping[str, Wish]) -> dict[str, Any]:
    """The body of a change; what is None stays."""
    given = ((name, value) for name, value in wanted.items() if value is not None)
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in given}


def is_elsewhere(text: str) -> bool:
    """Whether it names media that lies on the web or in PayloadCMS."""
    return text.startswith(("https://", "http://", DOCUMENT))


def _render_input(text: str) -> dict[str, Any]:
    if text.startswith(DOCUMENT):
        collection, _, document = text.removeprefix(DOCUMENT).rpartition("/")
        return {"payload": {"collection": collection, "id": document}}
    return {"url" if is_elsewhere(text) else "object": text}
