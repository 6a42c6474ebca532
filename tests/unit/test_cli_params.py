"""`--param k=v` on the command line."""

import pytest
import typer

from orchestrator.cli.submit import parse_params


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("k=4", 4),
        ("k=0.5", 0.5),
        ("k=true", True),
        ("k=null", None),
        ("k=webp", "webp"),
        ("k=", ""),
        ("k=a=b", "a=b"),
        ('k=["a", 1]', ["a", 1]),
        ('k="4"', "4"),
    ],
)
def test_json_when_it_is_json_else_text(pair: str, value: object) -> None:
    assert parse_params([pair]) == {"k": value}


@pytest.mark.parametrize("pair", ["scale", "=4", ""])
def test_what_is_no_pair_is_refused(pair: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not K=V"):
        parse_params([pair])
