"""Structured logs with a bound context, ours and the libraries', without secrets."""

import logging
import re
import sys

import structlog

# An API key, or whatever somebody sent in the place of one; its id may be told. And the query of a URL: it is what
# makes a signed one work. With the letters that one may begin with said ahead, a line is searched in a quarter of the
# time: every line is.
SECRET = re.compile(
    r"(?=[obhxw])(orch_key_[0-9a-z]{26}_|\bwhsec_|\bbearer\s+|\bhttps?://[^\s\"'\\?]+\?|\bX-Amz-Signature=)[^\s\"'\\]+",
    re.IGNORECASE,
)
# What these say below `info` is every request, header by header, and how its signature was made.
TALKATIVE = ("boto3", "botocore", "httpcore", "urllib3")
TOO_TALKATIVE = ("httpx",)  # at `info` it says each request, of which the keeper makes one a second


def configure_logging(*, level: str, as_json: bool) -> None:
    """Send every log line, ours and the libraries', to standard error; ours as events with keys."""
    chain: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    render = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()

    def renderer(_logger: object, _name: str, event: structlog.typing.EventDict) -> str:
        return redact(str(render(_logger, _name, event)))

    structlog.configure(
        processors=[*chain, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    foreign = structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            renderer,
        ],
        foreign_pre_chain=[*chain, structlog.stdlib.add_logger_name],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(foreign)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLogger().level))
    for name in TOO_TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def redact(text: str) -> str:
    """``text`` without the secret part of any API key or signed URL in it."""
    return SECRET.sub(r"\1***", text)


def name_bound_run() -> str:
    """The run that this thread works for, as <task id>/<epoch>, for the logs of others; empty outside of a run."""
    bound = structlog.contextvars.get_contextvars()
    return f"{bound['task_id']}/{bound['epoch']}" if "epoch" in bound else ""
