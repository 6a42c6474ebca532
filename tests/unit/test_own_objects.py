"""Which object keys a project may name: plain ones below its own prefix, and no other way to write them."""

import posixpath
import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.errors import InvalidParams
from orchestrator.domain.project import Project

FILM_A, FILM_AB = Project("film-a"), Project("film-ab")
TRICKS = (
    "", ".", "..", "%2e%2e", "%252e%252e", "..%2f", "..\\", "\uff0e\uff0e", "‥", "\u202e", "\x00", "\n", " ", "~", "*",
    "projects", "film-a", "film-ab", "FILM-A", "uploads", "x.png", "ﬁlm-a", "fi\u200blm-a", "s3:", "http:",
)  # fmt: skip
segments = st.one_of(st.sampled_from(TRICKS), st.text(max_size=4))
keys = st.lists(segments, min_size=1, max_size=6).map("/".join)
keys_below = st.one_of(keys, keys.map(FILM_A.prefix.__add__), keys.map(FILM_A.prefix.rstrip("/").__add__))


def owns(project: Project, key: str) -> bool:
    try:
        project.require_own_object(key)
    except InvalidParams:
        return False
    return True


@given(keys_below)
def test_what_is_accepted_lies_below_the_prefix_however_it_is_read(key: str) -> None:
    if not owns(FILM_A, key):
        return
    readings = {
        key,
        unquote(unquote(key)),
        posixpath.normpath(key),
        unicodedata.normalize("NFKC", key),
        key.strip(),
        key.replace("\\", "/"),
        key.casefold() if key.islower() else key,
    }
    assert readings == {key}, "it can be read in one way only"
    assert key.startswith("projects/film-a/")
    assert not owns(FILM_AB, key)


@given(st.lists(st.text("abcXYZ019_.-", min_size=1, max_size=8).filter(lambda part: part.strip(".")), min_size=1))
def test_every_plain_key_below_the_prefix_is_accepted(parts: list[str]) -> None:
    key = FILM_A.prefix + "/".join(parts)
    assert owns(FILM_A, key) == (len(key) <= 900)


@pytest.mark.parametrize(
    "key",
    [
        "projects/film-a",
        "projects/film-a/",
        "projects/film-ab/x.png",
        "projects/film-b/x.png",
        "/projects/film-a/x.png",
        "projects/film-a/../film-b/x.png",
        "projects/film-a/..",
        "projects/film-a//x.png",
        "projects/film-a/%2e%2e/film-b/x.png",
        "projects/film-a/x.png\n",
        "projects/film-a\\x.png",
        "projects/film-a/x.png\x00.txt",
        "projects/film-a/\uff0e\uff0e/x.png",
        "Projects/film-a/x.png",
        "https://bucket/projects/film-a/x.png",
    ],
)
def test_tricks(key: str) -> None:
    assert not owns(FILM_A, key)


@given(st.one_of(st.sampled_from(["film-a\n", "Film-A", "-a", "a-", "a" * 41, "a:b", "a/b", "..", ""]), st.text()))
def test_a_slug_is_one_segment_of_a_key_and_one_part_of_a_name(slug: str) -> None:
    try:
        prefix = Project(slug).prefix
    except InvalidParams:
        return
    assert prefix.split("/") == ["projects", slug, ""]
    assert slug.isascii()
    assert not set(slug) & set(":\n%\\")
