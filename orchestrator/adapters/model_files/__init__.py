"""Files of models: `config.pbtxt`, ONNX and TorchScript, read; what opens them is a process of another environment."""

from orchestrator.adapters.model_files.configs import TextConfigs
from orchestrator.adapters.model_files.headers import FileHeaders
from orchestrator.adapters.model_files.opening import find_opener

__all__ = ["FileHeaders", "TextConfigs", "find_opener"]
