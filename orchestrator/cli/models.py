"""`orchestrator models`: what the node serves, and what an operator wants it to serve."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from orchestrator.cli import lint, releases, swaps
from orchestrator.cli.session import Session, with_session
from orchestrator.client.models import Model, Resident, parse_model

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="As `models list` names it.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="A model, or one release of it as MODEL@VERSION.")]

COLOURS = {"ready": "green", "failed": "bold red", "unloaded": "dim"}
MIB = 1024**2


@with_session
def list_models(session: Session) -> None:
    """Every model: its releases with their weights, where each is, what it takes and how it does."""
    overview = session.client.models.overview()
    tables = (models_table(map(parse_model, overview["items"])), instances_table(overview["instances"]))
    session.show(Group(*tables), overview)


@with_session
def show(session: Session, model: ModelArgument) -> None:
    """One model."""
    _show(session, session.client.models.get(model))


@with_session
def load(session: Session, name: NameArgument) -> None:
    """Ask for it to be loaded. Others may have to go first."""
    _show(session, session.client.models.load(name))


@with_session
def unload(session: Session, name: NameArgument) -> None:
    """Ask for it to be unloaded, once no run uses it. A task that needs it has it loaded again."""
    _show(session, session.client.models.unload(name))


@with_session
def pin(session: Session, name: NameArgument) -> None:
    """Let no want of memory evict it."""
    _show(session, session.client.models.pin(name))


@with_session
def unpin(session: Session, name: NameArgument) -> None:
    """Let want of memory evict it again."""
    _show(session, session.client.models.pin(name, is_pinned=False))


def models_table(models: Iterable[Model]) -> Table:
    """A release on an instance a line."""
    table = Table("release", "weight", "state", "instance", "memory", "runs", "used", box=None, padding=(0, 1, 0, 0))
    table.columns[0].no_wrap = True
    for model in models:
        for release in model.releases:
            for resident in release.residents:
                table.add_row(escape(release.name), f"{release.weight}", _state(resident), *_facts(resident))
    return table


def instances_table(instances: Iterable[Mapping[str, Any]]) -> Table:
    """A Triton a line: how it is, what is used of its memory, and what of that Triton has set aside for itself."""
    table = Table("\ninstance", "\nstate", "\nused", "\nbudget", "\nTriton's own", box=None, padding=(0, 1, 0, 0))
    for each in instances:
        state = "[green]well[/green]" if each["well"] else f"[bold red]{escape(each['reason'] or 'ill')}[/bold red]"
        own = (f"{name.replace('_', ' ')} {_mib(size)}" for name, size in each["pools_bytes"].items() if size)
        sizes = (_mib(each["used_bytes"]), _mib(each["budget_bytes"]))
        table.add_row(escape(each["address"]), state, *sizes, ", ".join(own))
    return table


def build_models() -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(help="What the node serves, and releases of it.", no_args_is_help=True)
    group.command("list")(list_models)
    group.command()(show)
    group.command()(load)
    group.command()(unload)
    group.command()(pin)
    group.command()(unpin)
    group.command()(lint.lint)
    group.command()(releases.push)
    group.command()(swaps.swap)
    group.command()(swaps.rollback)
    group.command()(swaps.audit)
    group.command("releases")(releases.list_releases)
    group.command("delete-release")(releases.delete_release)
    return group


def _show(session: Session, model: Model) -> None:
    raw: dict[str, Any] = dict(model.raw)
    session.show(models_table([model]), raw)


def _state(resident: Resident) -> str:
    colour = COLOURS.get(resident.state, "yellow")
    pinned = " pinned" if resident.is_pinned else ""
    error = f"\n{escape(resident.error)}" if resident.error else ""
    return f"[{colour}]{resident.state}[/{colour}]{pinned}{error}"


def _facts(resident: Resident) -> tuple[str, str, str, str]:
    used = resident.used_at.astimezone().strftime("%m-%d %H:%M:%S") if resident.used_at else ""
    return escape(resident.instance), _mib(resident.memory_bytes), f"{resident.runs}", used


def _mib(size_bytes: int | None) -> str:
    return f"{size_bytes / MIB:,.0f} MiB" if size_bytes else ""
