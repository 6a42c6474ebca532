"""What others say, as it may be shown to who administers them."""

import pytest

from orchestrator.domain.errors import OrchestratorError
from orchestrator.domain.foreign_words import MOST_CHARACTERS, quote, quote_cause


@pytest.mark.parametrize(
    ("said", "quoted"),
    [
        ("", ""),
        (" \n", ""),
        ("cannot multiply\n  1x4 by 2x4\x1b[0m", " (“cannot multiply 1x4 by 2x4 [0m”)"),
        ("in /srv/models/echo@2/1/model.py(12): no", " (“in …/model.py(12): no”)"),
        ("a/b of 1/2", " (“a/b of 1/2”)"),
    ],
)
def test_it_is_one_line_without_the_paths_of_a_server(said: str, quoted: str) -> None:
    assert quote(said) == quoted


def test_it_is_not_long() -> None:
    assert len(quote("word " * 1000)) == len(quote("x")) - 1 + MOST_CHARACTERS


def test_an_error_says_none_of_it_by_itself() -> None:
    error = OrchestratorError("the model failed on this request")
    error.add_note("division by zero")
    assert (str(error), quote_cause(error)) == ("the model failed on this request", " (“division by zero”)")
    assert quote_cause(OrchestratorError("ours")) == ""
