"""The settings of a command that works on a node itself: those of the environment, or of the stack that runs here.

Only such commands load this module, and when they are asked: what a client does needs none of it.
"""

from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import SettingsError

from orchestrator.domain.errors import OrchestratorError
from orchestrator.local.stack_file import Stack, read_stack
from orchestrator.local.state_folder import StateFolder
from orchestrator.settings import PayloadSettings, RedisSettings, S3Settings, Settings, TritonSettings


class BadSettings(OrchestratorError):
    """The environment holds settings that cannot be used."""

    code = "bad_settings"


def read_settings() -> Settings:
    """The settings of this process.

    Raises:
        BadSettings: a variable is wrong; the message names it, never its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = (f"ORCH_{'__'.join(map(str, flaw['loc'])).upper()}: {flaw['msg']}" for flaw in error.errors())
        raise BadSettings("; ".join(wrong)) from error
    except SettingsError as error:
        raise BadSettings(str(error)) from error


def begin_process() -> Settings:
    """The settings of this process, whose logs are from now on as they say."""
    from orchestrator.telemetry import configure_logging  # noqa: PLC0415 - a probe that comes every few seconds has no use for it

    settings = read_settings()
    configure_logging(level=settings.log.level, as_json=settings.log.format == "json")
    return settings


def read_node_settings(state: Path) -> Settings:
    """The settings of this process; where a stack runs in ``state``, its servers are meant."""
    settings, folder = read_settings(), StateFolder(state.resolve())
    return settings if folder.supervisor_pid() is None else _settings_of(read_stack(folder), settings)


def _settings_of(stack: Stack, settings: Settings) -> Settings:
    s3 = S3Settings(
        endpoint=stack.s3.endpoint,
        bucket=stack.s3.bucket,
        access_key_id=stack.s3.access_key_id,
        secret_access_key=stack.s3.secret_access_key,
    )
    redis, triton = RedisSettings(url=stack.redis), TritonSettings(grpc=stack.triton.grpc)
    update = {"redis": redis, "s3": s3, "triton": triton}
    if stack.payload is not None:
        update["payload"] = PayloadSettings(url=stack.payload.site, api_key=stack.payload.api_key)
    return settings.model_copy(update=update)
