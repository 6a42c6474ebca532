"""What can be told of a model without running it: the text of its configuration, and what its file says of itself."""

from pathlib import Path
from typing import Protocol

from orchestrator.domain.config_draft import Signature
from orchestrator.domain.model_config import ModelConfig


class ModelConfigs(Protocol):
    """Reads and writes `config.pbtxt`, in protobuf's text format."""

    def parse(self, text: str) -> ModelConfig:
        """What the text says.

        Raises:
            ReleaseRefused: it is no configuration of a model.
        """
        ...

    def named(self, text: str, name: str) -> str:
        """The same configuration under another name.

        Raises:
            ReleaseRefused: as `parse`.
        """
        ...


class ModelFiles(Protocol):
    """Looks at the file of a model and executes nothing of it."""

    def signature(self, path: Path) -> Signature | None:
        """What the model takes and gives, the batch included; None of TorchScript, which does not say.

        Raises:
            ReleaseRefused: it is no such file as its name says, or has parts elsewhere.
        """
        ...
