"""`orchestrator models lint`: whether models can be served, before anybody tries. It asks no service."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestrator.cli.session import JsonOption
from orchestrator.services.models.lint_models import Linted

FoldersArgument = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[FOLDER]...", exists=True, file_okay=False, help="Models, or repositories of them."),
]
ProjectOption = Annotated[
    Path, typer.Option(envvar="ORCH_PROJECT_DIR", help="Folder of model_repository/, triton/ and .venv-triton/.")
]
OpenOption = Annotated[bool, typer.Option("--open/--no-open", help="Open each file, too: takes seconds a model.")]


def lint(
    folders: FoldersArgument = None,
    *,
    project: ProjectOption = Path(),
    opens: OpenOption = True,
    as_json: JsonOption = False,
) -> None:
    """Judge configurations by the rules, by their own files, and by what task types need; status 1 for any flaw."""
    from orchestrator.wiring.lint import build_lint  # noqa: PLC0415 - every command loads this module

    service = build_lint(project, opens=opens)
    found = [linted for folder in folders or [project / "model_repository"] for linted in service.lint(folder)]
    if as_json:
        typer.echo(json.dumps([render_linted(linted) for linted in found], indent=2))
    else:
        Console().print(lint_table(found))
    if not found or any(linted.flaws for linted in found):
        raise typer.Exit(1)


def lint_table(found: Iterable[Linted]) -> Table:
    """A flaw a line, and a line for what has none."""
    table = Table("model", "configuration", "file", "finding", box=None, padding=(0, 1, 0, 0))
    for linted in found:
        name = linted.path.relative_to(linted.path.parents[1 if linted.path.name == "config.pbtxt" else 2])
        where = (escape(linted.model), escape(str(name)), linted.looked)
        for flaw in linted.flaws:
            colour = "red" if flaw.is_grave else "yellow"
            table.add_row(*where, f"[{colour}]{flaw.rule}: {escape(flaw.message)}[/{colour}]")
        if not linted.flaws:
            table.add_row(*where, "[green]fit to be served[/green]")
    return table


def render_linted(linted: Linted) -> dict[str, object]:
    flaws = [{"rule": flaw.rule, "message": flaw.message, "is_grave": flaw.is_grave} for flaw in linted.flaws]
    return {"model": linted.model, "config": str(linted.path), "file": linted.looked, "flaws": flaws}
