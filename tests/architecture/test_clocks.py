"""Fault 19: a node whose clock is wrong. Nothing that decides about a run may read it: the store's clock decides.

A machine's wall clock cannot be set in a test without setting everybody's, so what is tested is that it is not read.
"""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "orchestrator"
WALL_CLOCK = {
    "time.time",
    "time.time_ns",
    "time.gmtime",
    "time.localtime",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
}

# What a wrong clock does here: ids sort wrongly, signatures are refused by the object store and by receivers of
# webhooks, a table shows a wrong age, what waits on a disk to be stored is thrown away too early and made anew.
MAY_READ_IT = {
    "adapters/sortable_ids.py",
    "adapters/s3_storage/signer.py",
    "adapters/s3_storage/public_urls.py",
    "adapters/web/webhook_post.py",
    "adapters/web/webhook_status.py",
    "local/runner.py",
    "local/screens.py",
    "pipelines/spool.py",
}


def wall_clock_reads(source: str) -> list[str]:
    last_words = {read.rpartition(".")[2] for read in WALL_CLOCK}
    called = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    names = [ast.unparse(func) for func in called if isinstance(func, ast.Attribute) and func.attr in last_words]
    return [name for name in names if any(name == read or name.endswith(f".{read}") for read in WALL_CLOCK)]


def test_the_wall_clock_is_read_where_nothing_hangs_on_it() -> None:
    modules = {str(path.relative_to(PACKAGE)): path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    assert {name for name, source in modules.items() if wall_clock_reads(source)} == MAY_READ_IT


@pytest.mark.parametrize("source", ["import time\ntime.time()", "import datetime\ndatetime.datetime.now(tz)"])
def test_a_read_of_the_wall_clock_is_found(source: str) -> None:
    assert len(wall_clock_reads(source)) == 1


def test_no_module_hides_a_clock_behind_a_shorter_name() -> None:
    hidden = [
        f"{path.relative_to(PACKAGE)}: {ast.unparse(node)}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and node.module == "time"
        and {alias.name for alias in node.names} & {"time", "time_ns"}
    ]
    assert hidden == []


def test_scripts_take_their_time_from_the_store() -> None:
    """`ARGV[1]` is the time, and production never gives one (`Scripts.now_ms`)."""
    given = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if "now_ms=" in path.read_text(encoding="utf-8").replace(" ", "") and path.name != "scripts.py"
    ]
    assert given == []
