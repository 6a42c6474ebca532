"""`orchestrator models lint`: whether models can be served, before anybody tries. It asks no service.

It imports what it judges with when it is asked: every command loads this module.
"""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from orchestrator.cli.session import JsonOption

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
    from orchestrator.cli.lint_tables import lint_table, render_linted  # noqa: PLC0415 - see above
    from orchestrator.wiring.lint import build_lint  # noqa: PLC0415 - see above

    service = build_lint(project, opens=opens)
    by_folder = {folder: tuple(service.lint(folder)) for folder in folders or [project / "model_repository"]}
    if bare := [str(folder) for folder, linted in by_folder.items() if not linted]:
        raise typer.BadParameter(f"there is no model in {', '.join(bare)}", param_hint="FOLDER")
    found = [linted for lines in by_folder.values() for linted in lines]
    if as_json:
        typer.echo(json.dumps([render_linted(linted) for linted in found], indent=2))
    else:
        Console().print(lint_table(found))
    if any(linted.flaws for linted in found):
        raise typer.Exit(1)
