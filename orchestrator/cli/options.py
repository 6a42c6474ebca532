"""What several commands share: an option, and options that belong together."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.domain.errors import InvalidParams
from orchestrator.domain.lane import LANE_SLOTS, parse_lane

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
