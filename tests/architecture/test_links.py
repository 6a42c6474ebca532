"""Every relative link of every page leads to a file that is there, and every anchor to a heading."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def pages() -> list[Path]:
    folders = ("docs", "loadtests", "triton", "tests", "deploy")
    near = (*ROOT.glob("*.md"), *ROOT.glob("integrations/*/*.md"))
    return [*sorted(near), *(page for folder in folders for page in sorted((ROOT / folder).rglob("*.md")))]


def dead_links(page: Path) -> Iterator[str]:
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (page.parent / path) if path else page
        if not file.exists():
            yield f"{page.name} → {target}: no such file"
        elif anchor and file.suffix == ".md" and anchor not in anchors(file):
            yield f"{page.name} → {target}: no such heading"


def anchors(page: Path) -> set[str]:
    """The ids GitHub gives to headings: lower case, punctuation gone, spaces as hyphens."""
    headings = HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_leads_somewhere() -> None:
    assert len(pages()) > 10
    assert not [line for page in pages() for line in dead_links(page)]


@pytest.mark.parametrize("target", ["gone.md", "#gone", "there.md#gone"])
def test_a_dead_link_would_be_seen(tmp_path: Path, target: str) -> None:
    (tmp_path / "there.md").write_text("# Here we are\n")
    page = tmp_path / "page.md"
    page.write_text(f"[fine](there.md#here-we-are) [dead]({target})\n")
    assert len(list(dead_links(page))) == 1
