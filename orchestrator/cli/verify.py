"""`orchestrator verify`: is a receipt genuine, and are these the files that it tells of? Needs no service."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestrator.domain.errors import RequestError

ReceiptArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A receipt.json.")]
FolderOption = Annotated[
    Path | None, typer.Option("--artifacts", exists=True, file_okay=False, help="The folder with the task's files.")
]
KeyOption = Annotated[
    list[str] | None,
    typer.Option("--public-key", metavar="KEY|FILE", help="In base64, or the answer of GET /v1/receipts/keys."),
]
COLOURS = {"genuine": "green", "false": "bold red", "unproven": "yellow"}
NOT_GENUINE, UNREADABLE, UNPROVEN = 1, 2, 3


def verify(receipt: ReceiptArgument, *, artifacts: FolderOption = None, public_key: KeyOption = None) -> None:
    """Check the signature of a receipt, and the files: status 0 if all is genuine, 1 if something is not, 2 if it is no
    receipt, 3 if something remains unproven.
    """
    from orchestrator.services.tasks.verify_receipt import Verdict  # noqa: PLC0415 - every command loads this module
    from orchestrator.wiring.receipts import build_verify  # noqa: PLC0415 - the same

    try:
        findings = build_verify(public_key or ()).verify(receipt.read_bytes(), folder=artifacts)
    except RequestError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(UNREADABLE) from error
    table = Table("what", "verdict", "why")
    for found in findings:
        table.add_row(escape(found.what), f"[{COLOURS[found.verdict]}]{found.verdict}[/]", escape(found.why))
    Console().print(table)
    verdicts = {found.verdict for found in findings}
    if Verdict.FALSE in verdicts:
        raise typer.Exit(NOT_GENUINE)
    if Verdict.UNPROVEN in verdicts:
        raise typer.Exit(UNPROVEN)
