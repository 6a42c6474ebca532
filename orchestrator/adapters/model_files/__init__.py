"""Files of models: `config.pbtxt`, ONNX and TorchScript, read and never run."""

from orchestrator.adapters.model_files.configs import TextConfigs
from orchestrator.adapters.model_files.headers import FileHeaders

__all__ = ["FileHeaders", "TextConfigs"]
