"""The house of `design.md`, section 4: imports point down, importing does nothing, the environment has one reader."""

import ast
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from importlinter.application.use_cases import lint_imports
from importlinter.configuration import configure

ROOT = Path(__file__).resolve().parents[2]

# Who touches os.environ besides pydantic-settings, and why it is not configuration.
ENVIRONMENT_READERS: Mapping[str, str] = {
    "orchestrator/local/process.py": "child processes inherit what their parent was given",
    "orchestrator/settings/__init__.py": "its one place",
    "orchestrator/telemetry/samples.py": "prometheus_client can be told its folder in no other way",
}

PROBE = """
import importlib, json, os, pkgutil, sys, threading
sys.path.insert(0, sys.argv[1])
package = importlib.import_module(sys.argv[2])
names = [m.name for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}.", onerror=print)]
names = [name for name in names if not name.endswith("__main__")]
for name in names:
    importlib.import_module(name)
files = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
links = [os.readlink(file) for file in files if os.path.islink(file)]
print(json.dumps({
    "modules": names,
    "threads": [thread.name for thread in threading.enumerate()],
    "sockets": [link for link in links if link.startswith("socket:")],
}))
"""

LAYERED = """
[importlinter]
root_package = {package}
[importlinter:contract:1]
name = Imports point down
type = layers
layers =
    {package}.high
    {package}.low
"""


def test_the_import_contracts_are_kept() -> None:
    configure()
    assert lint_imports(str(ROOT / "pyproject.toml"), cache_dir=None, no_logo=True)


def test_each_service_lies_in_a_theme() -> None:
    """Else it would also escape the contract that services do not know their siblings (ADR 0050)."""
    services = ROOT / "orchestrator" / "services"
    assert set(services.rglob("[a-z]*.py")) == set(services.glob("[a-z]*/[a-z]*.py"))


def test_a_broken_contract_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_package(tmp_path / "upside_down", {"high": "", "low": "import upside_down.high"})
    config = tmp_path / "contracts.ini"
    config.write_text(LAYERED.format(package="upside_down"))
    monkeypatch.syspath_prepend(tmp_path)
    configure()
    assert not lint_imports(str(config), cache_dir=None, no_logo=True)


def test_importing_every_module_makes_nothing() -> None:
    found = import_everything(ROOT, "orchestrator")
    assert len(found["modules"]) > 10
    assert found["threads"] == ["MainThread"]
    assert found["sockets"] == []


def test_what_a_module_makes_at_import_would_be_seen(tmp_path: Path) -> None:
    opens = "import socket\nserver = socket.socket()"
    starts = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()"
    write_package(tmp_path / "eager", {"opens": opens, "starts": starts})
    found = import_everything(tmp_path, "eager")
    assert len(found["threads"]) == 2
    assert len(found["sockets"]) == 1


def test_settings_is_the_only_reader_of_the_environment() -> None:
    paths = sorted((ROOT / "orchestrator").rglob("*.py"))
    readers = {str(path.relative_to(ROOT)) for path in paths if reads_environment(path.read_text())}
    assert readers == set(ENVIRONMENT_READERS)


@pytest.mark.parametrize(
    "text",
    ["import os\nos.environ['A']", "import os\nos.getenv('A')", "from os import environ", "from os import getenv"],
)
def test_a_reader_of_the_environment_would_be_seen(text: str) -> None:
    assert reads_environment(text)
    assert not reads_environment("import os\nos.cpu_count()")


def test_the_triton_folder_is_no_package() -> None:
    assert (ROOT / "triton").is_dir()
    assert not (ROOT / "triton" / "__init__.py").exists(), "torch would import it in place of its own (ADR 0007)"


def import_everything(folder: Path, package: str) -> dict[str, list[str]]:
    """Import each module of the package in a fresh interpreter and tell what exists afterwards."""
    command = [sys.executable, "-c", PROBE, str(folder), package]
    probe = subprocess.run(command, capture_output=True, text=True, check=False)
    assert probe.returncode == 0, probe.stderr
    found: dict[str, list[str]] = json.loads(probe.stdout.splitlines()[-1])
    return found


def reads_environment(text: str) -> bool:
    names = {"environ", "environb", "getenv"}
    nodes = list(ast.walk(ast.parse(text)))
    attributes = {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute) and node.attr in names}
    imported = {a.name for n in nodes if isinstance(n, ast.ImportFrom) and n.module == "os" for a in n.names}
    return bool(attributes & {f"os.{name}" for name in names} or imported & names)


def write_package(folder: Path, modules: Mapping[str, str]) -> None:
    folder.mkdir()
    for name, text in {"__init__": "", **modules}.items():
        (folder / f"{name}.py").write_text(text)
