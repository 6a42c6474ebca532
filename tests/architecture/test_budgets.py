"""The budgets of `style.md`, kept by every file; and each rule shown to find what it is there for."""

from pathlib import Path

import budgets
import pytest
from budgets import Rule, Source

ROOT = Path(__file__).resolve().parents[2]
EVERYWHERE = ("orchestrator", "tests", "loadtests", "triton", "docs")

RULES: dict[str, tuple[Rule, tuple[str, ...]]] = {
    "modules have at most 250 lines": (budgets.module_is_short, EVERYWHERE),
    "functions have at most 50 lines": (budgets.functions_are_short, EVERYWHERE),
    "parameters are few, and by keyword beyond two": (budgets.parameters_are_few, EVERYWHERE),
    "every module says what lives in it": (budgets.module_says_what_lives_here, EVERYWHERE),
    "names carry no filler words": (budgets.names_mean_something, EVERYWHERE),
    "suppressions carry a code and a reason": (budgets.suppressions_say_why, EVERYWHERE),
    "tests patch nothing": (budgets.tests_patch_nothing, ("tests", "loadtests")),
    "tests never sleep": (budgets.tests_never_sleep, ("tests",)),
}

BROKEN: list[tuple[Rule, str]] = [
    (budgets.module_is_short, "x = 1\n" * 251),
    (budgets.functions_are_short, "def long():\n" + "    x = 1\n" * 50),
    (budgets.functions_are_short, "class A:\n    async def long(self):\n" + "        x = 1\n" * 50),
    (budgets.parameters_are_few, "def f(a, b, *, c, d, e, f, g): ..."),
    (budgets.parameters_are_few, "class A:\n    def f(self, a, b, c): ..."),
    (budgets.parameters_are_few, "@property\ndef f(a, b, c): ..."),
    (budgets.module_says_what_lives_here, "x = 1"),
    (budgets.names_mean_something, "class TaskManager: ..."),
    (budgets.names_mean_something, "def run_job(): ..."),
    (budgets.suppressions_say_why, "x = 1  # noqa"),
    (budgets.suppressions_say_why, "x = 1  # noqa: S108"),
    (budgets.suppressions_say_why, "x = 1  # type: ignore"),
    (budgets.suppressions_say_why, "x = 1  # type: ignore[misc]"),
    (budgets.tests_patch_nothing, "from unittest.mock import patch"),
    (budgets.tests_patch_nothing, "from unittest import mock"),
    (budgets.tests_patch_nothing, "def test(monkeypatch):\n    monkeypatch.setattr(a, 'b', 1)"),
    (budgets.tests_never_sleep, "import time\ntime.sleep(1)"),
    (budgets.tests_never_sleep, "from time import sleep"),
]

FINE: list[tuple[Rule, str]] = [
    (budgets.parameters_are_few, "class A:\n    def f(self, a, b, *, c, d, e, f): ..."),
    (budgets.parameters_are_few, "def f(_logger, _method, event, more): ..."),
    (budgets.parameters_are_few, "@app.command()\ndef submit(a, b, c): ..."),
    (budgets.names_mean_something, "class Coreference: ..."),
    (budgets.suppressions_say_why, "x = 1  # noqa: S108, S603 - a default"),
    (budgets.suppressions_say_why, "x = 1  # type: ignore[misc]  # celery is untyped"),
    (budgets.suppressions_say_why, "x = 'noqa'"),
    (budgets.tests_never_sleep, "import time\ntime.monotonic()"),
]


@pytest.fixture(scope="module")
def broken() -> dict[str, list[str]]:
    """What breaks each rule; every file is read and parsed once."""
    found: dict[str, list[str]] = {name: [] for name in RULES}
    for folder in EVERYWHERE:
        for source in budgets.read_sources(ROOT, folder):
            for name, (rule, folders) in RULES.items():
                found[name] += rule(source) if folder in folders else ()
    return found


@pytest.mark.parametrize("name", RULES)
def test_the_tree_keeps_the_budget(broken: dict[str, list[str]], name: str) -> None:
    assert not broken[name], "\n".join([f"{name}:", *broken[name]])


@pytest.mark.parametrize(("rule", "text"), BROKEN)
def test_a_rule_finds_what_breaks_it(rule: Rule, text: str) -> None:
    assert len(list(rule(Source("sample.py", text)))) == 1


@pytest.mark.parametrize(("rule", "text"), FINE)
def test_a_rule_leaves_the_rest_alone(rule: Rule, text: str) -> None:
    assert not list(rule(Source("sample.py", text)))


def test_a_protocol_in_an_adapter_may_look_like_the_library() -> None:
    text = "class Commands(Protocol):\n    def xrange(self, name, low, high): ..."
    assert not list(budgets.parameters_are_few(Source("orchestrator/adapters/redis/client.py", text)))
    assert list(budgets.parameters_are_few(Source("orchestrator/ports/feed.py", text)))


def test_a_module_is_judged_by_its_name_too() -> None:
    assert list(budgets.names_mean_something(Source("orchestrator/task_utils.py", '"""Odds and ends."""')))


def test_the_tree_is_there_to_be_judged() -> None:
    for folder in EVERYWHERE:
        assert budgets.read_sources(ROOT, folder), folder
