"""Opens a model in a child under limits: whatever its file does to whoever opens it, it does to the child."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from warden.door import Refusal

CHECK = Path(__file__).resolve().parents[1] / "check_model.py"
WITHIN_S = 120
MOST_BYTES = 1 << 20
LIMITS = {
    resource.RLIMIT_CPU: 2 * WITHIN_S,
    resource.RLIMIT_AS: 32 << 30,
    resource.RLIMIT_FSIZE: 64 << 20,
    resource.RLIMIT_NOFILE: 256,
    resource.RLIMIT_CORE: 0,
}


def check_model(folder: Path, *, check: Path = CHECK) -> Mapping[str, Any]:
    """The one JSON object that `check_model.py FOLDER` prints. What kills the child is a problem of the model.

    Raises:
        Refusal: the check itself is missing or prints something else.
    """
    if not check.is_file():
        raise Refusal(HTTPStatus.NOT_IMPLEMENTED, "no_check", "models cannot be opened here")
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryFile() as printed:
        try:
            status = _run([sys.executable, str(check), str(folder)], place=Path(place), printed=printed)
        except subprocess.TimeoutExpired:
            return _broken(f"it was not opened within {WITHIN_S} s")
        printed.seek(0)
        text = printed.read(MOST_BYTES)
    if status < 0:
        return _broken(f"whoever opens it is killed by signal {-status}")
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "check_failed", "the check has failed") from error
    if not isinstance(found, dict):
        raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "check_failed", "the check has failed")
    return found


def _run(command: list[str], *, place: Path, printed: Any) -> int:  # noqa: ANN401 - a file
    """Its exit status. It sees no GPU, none of our secrets, and is the first to go when memory runs out."""
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
        "HOME": str(place),
        "CUDA_VISIBLE_DEVICES": "",
    }
    # A session of its own: what shares the server's is buried with it.
    with subprocess.Popen(  # noqa: S603 - our own script
        command, cwd=place, env=env, stdin=subprocess.DEVNULL, stdout=printed, start_new_session=True
    ) as child:
        try:
            for limit, most in LIMITS.items():
                resource.prlimit(child.pid, limit, (most, most))
            Path(f"/proc/{child.pid}/oom_score_adj").write_text("1000")
            return child.wait(WITHIN_S)
        except ProcessLookupError:  # it was quicker than we
            return child.wait()
        finally:
            child.kill()


def _broken(problem: str) -> Mapping[str, Any]:
    return {"inputs": [], "outputs": [], "problems": [problem]}
