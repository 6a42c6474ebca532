"""What lint has found, as a table on a terminal and as JSON."""

from collections.abc import Iterable

from rich.markup import escape
from rich.table import Table

from orchestrator.services.models.lint_models import Linted


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
