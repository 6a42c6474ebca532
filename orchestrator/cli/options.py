"""What several commands share: an option, options that belong together, and the settings."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError

from orchestrator.domain.errors import InvalidParams, OrchestratorError
from orchestrator.domain.lane import parse_lane
from orchestrator.local.payload import API_PATH
from orchestrator.local.stack_file import Stack, read_stack
from orchestrator.local.state_folder import StateFolder
from orchestrator.pipelines.registry import LANE_SLOTS
from orchestrator.settings import PayloadSettings, RedisSettings, S3Settings, Settings, TritonSettings

StateOption = Annotated[
    Path,
    typer.Option("--state", envvar="ORCH_STATE", help="Folder of the stack: its data, logs and stack.json."),
]
DEFAULT_STATE = Path(".orchestrator")


def require_lane(text: str, *, hint: str) -> str:
    """``text`` if it names a lane, of a pool or not; ``hint`` is the option that it was given for."""
    try:
        lane, _ = parse_lane(text)
    except InvalidParams as error:
        raise typer.BadParameter(str(error), param_hint=hint) from error
    if lane not in LANE_SLOTS:
        known = ", ".join(LANE_SLOTS)
        raise typer.BadParameter(f"unknown lane {lane!r}; there are {known}, each also as LANE@POOL", param_hint=hint)
    return text


class BadSettings(OrchestratorError):
    """The environment holds settings that cannot be used."""

    code = "bad_settings"


def taking(build: Callable[..., object]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of ``build``; its first argument is what that makes of them."""
    shared = list(inspect.signature(build).parameters.values())

    def wrap(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command).parameters.values())[1:]

        @functools.wraps(command)
        def run(**given: Any) -> None:  # noqa: ANN401 - whatever the options are
            made = build(**{parameter.name: given.pop(parameter.name) for parameter in shared})
            command(made, **given)

        vars(run)["__signature__"] = inspect.Signature([*own, *shared])
        return run

    return wrap


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
        url = stack.payload.url.removesuffix(API_PATH)
        update["payload"] = PayloadSettings(url=url, api_key=stack.payload.api_key)
    return settings.model_copy(update=update)
