"""The embedded Triton: started by triton/launch.py in an environment of its own, with every model that is built."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.local.part import StackError


@dataclass(frozen=True, slots=True)
class TritonPorts:
    """Where Triton and its warden listen, on loopback."""

    http: int
    grpc: int
    metrics: int
    warden: int


@dataclass(frozen=True, slots=True)
class TritonProject:
    """The folder that holds `model_repository/`, `triton/` and `.venv-triton/`."""

    root: Path

    @property
    def python(self) -> Path:
        return self.root / ".venv-triton" / "bin" / "python"

    @property
    def launcher(self) -> Path:
        return self.root / "triton" / "launch.py"

    @property
    def models(self) -> Path:
        return self.root / "model_repository"

    def built_models(self) -> tuple[str, ...]:
        """Names of the models with a configuration and weights.

        Raises:
            StackError: the environment or the models are missing.
        """
        for needed in (self.launcher, self.python):
            if not needed.exists():
                raise StackError(f"{needed} is missing: run `make setup models`, or set ORCH_PROJECT_DIR")
        weights = (path for kind in ("onnx", "pt") for path in self.models.glob(f"*/*/model.{kind}"))
        names = {path.parent.parent.name for path in weights if (path.parent.parent / "config.pbtxt").is_file()}
        if "echo" not in names:
            raise StackError(f"no models are built in {self.models}: run `make setup models`")
        return tuple(sorted(names))


def triton_command(
    project: TritonProject, *, workdir: Path, ports: TritonPorts, control_key_file: Path, models: Sequence[str]
) -> tuple[str, ...]:
    """The command line of a server that loads ``models`` at start, so that they are there again after a restart."""
    return (
        *(str(project.python), str(project.launcher)),
        *("--model-repository", str(project.models), "--workdir", str(workdir)),
        *("--http-port", str(ports.http), "--grpc-port", str(ports.grpc), "--metrics-port", str(ports.metrics)),
        *("--warden-port", str(ports.warden)),
        *("--control-key-file", str(control_key_file)),
        *(word for model in models for word in ("--model", model)),
    )
