"""What every client command shares: which Orchestrator it talks to, and how it speaks to people or programs."""

import functools
import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType

from orchestrator.cli.options import DEFAULT_STATE, StateOption
from orchestrator.client import ApiError, Client
from orchestrator.local.stack_file import read_stack
from orchestrator.local.state_folder import StateFolder

UrlOption = Annotated[str, typer.Option("--url", envvar="ORCH_URL", help="An Orchestrator elsewhere, not the stack's.")]
KeyOption = Annotated[str, typer.Option("--api-key", envvar="ORCH_API_KEY", help="The API key for --url.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@dataclass(frozen=True, slots=True)
class Session:
    """One command's conversation. Results go to standard output, all else to standard error."""

    client: Client
    as_json: bool

    @property
    def progress(self) -> Console:
        return Console(stderr=True)

    def show(self, table: RenderableType, values: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        """The table for people, or the same as JSON for programs."""
        if self.as_json:
            typer.echo(json.dumps(values, indent=2))
        else:
            Console().print(table)


def with_session(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the shared options; it gets a `Session` as its first argument instead of them.

    A parameter that is a dataclass stands for the options that are its fields.
    """
    own = list(inspect.signature(command).parameters.values())[1:]
    shared = list(inspect.signature(open_session).parameters.values())
    groups: dict[str, Callable[..., Any]] = {
        parameter.name: parameter.annotation for parameter in own if _is_group(parameter.annotation)
    }
    single = [parameter for parameter in own if parameter.name not in groups]
    grouped = {name: list(inspect.signature(group).parameters.values()) for name, group in groups.items()}

    @functools.wraps(command)
    def run(**given: Any) -> None:  # noqa: ANN401 - whatever the options are
        chosen = {parameter.name: given.pop(parameter.name) for parameter in shared}
        for name, fields in grouped.items():
            given[name] = groups[name](**{field.name: given.pop(field.name) for field in fields})
        with open_session(**chosen) as session:
            command(session, **given)

    options = [field.replace(kind=field.KEYWORD_ONLY) for fields in grouped.values() for field in fields]
    vars(run)["__signature__"] = inspect.Signature([*single, *options, *shared])
    return run


def _is_group(annotation: object) -> bool:
    return isinstance(annotation, type) and is_dataclass(annotation)


@contextmanager
def open_session(
    *, state: StateOption = DEFAULT_STATE, url: UrlOption = "", api_key: KeyOption = "", as_json: JsonOption = False
) -> Iterator[Session]:
    """A client of the stack in ``state``, or of ``url`` when there is one; a refusal ends the command with status 1."""
    if not url:
        stack = read_stack(StateFolder(state.resolve()))
        url, api_key = stack.api, stack.api_key
    if not api_key.isascii():
        raise typer.BadParameter("a key has plain letters and digits only", param_hint="--api-key")
    with Client(url, api_key) as client:
        try:
            yield Session(client, as_json)
        except ApiError as error:
            typer.echo(f"error: {error.message} ({error.code})", err=True)
            for flaw in error.fields:
                typer.echo(f"  {flaw.field}: {flaw.message}", err=True)
            raise typer.Exit(1) from error


def existing_folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
