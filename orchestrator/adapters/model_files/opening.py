"""Opens a model with `triton/check_model.py`, in the environment of the Triton side (ADR 0007)."""

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

WITHIN_S = 200.0  # longer than it lets the opening run


def find_opener(project: Path) -> Callable[[Path], Mapping[str, Any]] | None:
    """What opens the model of a folder, as the script answers it; None where its environment is not installed."""
    python, script = project / ".venv-triton" / "bin" / "python", project / "triton" / "check_model.py"
    if not (python.is_file() and script.is_file()):
        return None

    def open_model(folder: Path) -> Mapping[str, Any]:
        command = [str(python.absolute()), "-P", str(script.resolve()), str(folder.resolve())]
        done = subprocess.run(command, capture_output=True, timeout=WITHIN_S, check=False)  # noqa: S603 - no shell
        if done.returncode:
            return {"inputs": [], "outputs": [], "problems": [], "unopened": "triton/check_model.py has failed"}
        answer: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer

    return open_model
