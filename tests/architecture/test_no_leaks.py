"""Nothing in the repository names a package registry's host, a path of one person's machine, or a lock's origin."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

REGISTRIES = ("pypi", "pythonhosted", "npmjs", "pytorch")
LEAKS = {
    "a registry's host": re.compile(rf"\b({'|'.join(REGISTRIES)})\.(org|com)\b"),
    "an index address": re.compile(r"index-url[ =]+\S*://"),
    "a path of one machine": re.compile(r"(?<![\w.}$-])/((work|root)(/|\b)|(home|Users)/\w+)"),
    "where a lock came from": re.compile(r'"resolved": *"'),
    "a private key": re.compile(r"BEGIN [A-Z ]*PRIVATE KEY"),
}


def repository_files() -> list[Path]:
    """Tracked files and those that would be tracked, but for this one."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    files = {ROOT / name for name in listed if name}
    return sorted(path for path in files - {Path(__file__)} if path.is_file())


def leaks(text: str) -> list[str]:
    return [f"{what}: {found.group()}" for what, pattern in LEAKS.items() if (found := pattern.search(text))]


def test_no_file_leaks() -> None:
    files = repository_files()
    assert len(files) > 10
    texts = {str(path.relative_to(ROOT)): path.read_bytes().decode(errors="ignore") for path in files}
    assert not {name: leaks(text) for name, text in texts.items() if leaks(text)}


@pytest.mark.parametrize(
    "text",
    [
        *(f"see https://{name}.org/x" for name in REGISTRIES),
        "--extra-index-url https://mirror.example/simple",
        *(f"source {Path('/', top, 'anna')}/activate" for top in ("home", "root", "work")),  # said in pieces here
        '"resolved": "https://mirror.example/a.tgz"',
    ],
)
def test_a_leak_would_be_seen(text: str) -> None:
    assert leaks(text)


@pytest.mark.parametrize("text", ["docs/work/plan.md", "{root}/work/x", "https://host.example/home/films/a.mp4"])
def test_a_plain_path_is_no_leak(text: str) -> None:
    assert not leaks(text)
