"""What several commands share: an option, and the settings."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError

from orchestrator.domain.errors import OrchestratorError
from orchestrator.settings import Settings

StateOption = Annotated[
    Path,
    typer.Option("--state", envvar="ORCH_STATE", help="Folder of the stack: its data, logs and stack.json."),
]
DEFAULT_STATE = Path(".orchestrator")


class BadSettings(OrchestratorError):
    """The environment holds settings that cannot be used."""

    code = "bad_settings"


def read_settings() -> Settings:
    """The settings of this process.

    Raises:
        BadSettings: a variable is wrong; the message names it, never its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = (f"ORCH_{'__'.join(map(str, flaw['loc'])).upper()}: {flaw['msg']}" for flaw in error.errors())
        raise BadSettings("; ".join(wrong)) from error
    except SettingsError as error:
        raise BadSettings(str(error)) from error
