"""The pages generated from the settings are current, complete, and true."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from orchestrator.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """`docs/generate.py`, which is a script and in no package."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_generated_page_is_current(generate: ModuleType) -> None:
    stale = [path.name for path, text in generate.generated().items() if path.read_text() != text]
    assert not stale, "run `make fmt`"


def test_every_variable_is_described(generate: ModuleType) -> None:
    silent = [
        variable.name for _, _, variables in generate.sections() for variable in variables if not variable.description
    ]
    assert not silent


def test_the_example_holds_the_defaults(generate: ModuleType, tmp_path: Path) -> None:
    """Read with every line uncommented, it gives the settings one has without it."""
    lines = (line.removeprefix("#") for line in generate.render_env().splitlines() if line.startswith("#ORCH_"))
    given = [line for line in lines if not line.endswith("=")]
    example = tmp_path / "example.env"
    example.write_text("\n".join(given))
    assert len(given) > 10
    assert Settings(_env_file=example) == Settings()


def test_no_secret_has_a_default(generate: ModuleType) -> None:
    variables = [variable for _, _, found in generate.sections() for variable in found]
    secrets = {variable.name: variable.default for variable in variables if variable.kind == "secret"}
    assert secrets.pop("ORCH_REDIS__URL") == "redis://127.0.0.1:6379/0", (
        "a secret by type, for the password it may hold"
    )
    assert secrets
    assert not any(secrets.values())
