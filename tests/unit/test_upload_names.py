"""What is left of a client's file name in a key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.project import Project
from orchestrator.services.uploads.offer_upload import safe_name


@pytest.mark.parametrize(
    ("filename", "kept"),
    [
        ("still.png", "still.png"),
        ("C:\\films\\My Take (2).MOV", "My-Take-2-.MOV"),
        ("../../etc/passwd", "passwd"),
        ("…", "file"),
        (".bashrc", "bashrc"),
        ("a/", "file"),
        ("x" * 300 + ".webp", "x" * 95 + ".webp"),
    ],
)
def test_safe_name(filename: str, kept: str) -> None:
    assert safe_name(filename) == kept


@given(st.text())
def test_every_name_makes_a_key_that_the_project_may_submit(filename: str) -> None:
    project = Project("film-a")
    project.require_own_object(f"{project.prefix}uploads/upload_1/{safe_name(filename)}")
