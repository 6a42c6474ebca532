"""Lint models: a repository as the rules see it, each model's configuration against its own file and its users."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.domain.config_draft import Signature, contradictions
from orchestrator.domain.errors import OrchestratorError
from orchestrator.domain.manifest import TensorSpec
from orchestrator.domain.model_config import Flaw, ModelConfig, compare, lint
from orchestrator.domain.push import CONFIG
from orchestrator.pipelines.needs import Need
from orchestrator.ports.model_files import ModelConfigs, ModelFiles

OPENED, READ, NOT_READ = "opened", "its header was read", "not looked at"

OpenModel = Callable[[Path], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Linted:
    """A configuration with what is wrong with it, and how its file was looked at."""

    model: str
    path: Path
    looked: str
    flaws: tuple[Flaw, ...]


@dataclass(frozen=True, slots=True)
class LintModels:
    """``open_model`` opens the file of a folder, in another environment, where there is one; it takes seconds."""

    configs: ModelConfigs
    files: ModelFiles
    needs: Mapping[str, Need]
    open_model: OpenModel | None = None

    def lint(self, folder: Path) -> Iterator[Linted]:
        """Of a model's folder, or of a repository with several, one after the other."""
        if (folder / CONFIG).is_file():
            yield from self._model(folder)
        else:
            for config in sorted(folder.glob(f"*/{CONFIG}")):
                yield from self._model(config.parent)

    def _model(self, folder: Path) -> Iterator[Linted]:
        usual: ModelConfig | None = None
        for path in (folder / CONFIG, *sorted(folder.glob("configs/*.pbtxt"))):
            try:
                config = self.configs.parse(path.read_text("utf-8"))
            except OrchestratorError as error:
                yield Linted(folder.name, path, NOT_READ, (Flaw("config", str(error)),))
                continue
            looked, flaws = self._look(folder, config, is_usual=usual is None)
            yield Linted(folder.name, path, looked, (*self._own(folder, config, usual=usual), *lint(config), *flaws))
            usual = usual or config

    def _own(self, folder: Path, config: ModelConfig, *, usual: ModelConfig | None) -> Iterator[Flaw]:
        if config.name not in {folder.name, "" if "@" in folder.name else folder.name}:
            yield Flaw("name", f"name is {config.name!r}, and the folder is {folder.name!r}")
        told = (config.inputs, config.outputs, config.max_batch_size)
        if usual and told != (usual.inputs, usual.outputs, usual.max_batch_size):
            yield Flaw("configs", "clients do not know which of two configurations is served: tensors must be the same")
        need = self.needs.get(folder.name.partition("@")[0])
        if need:
            yield from _missing(need, config)

    def _look(self, folder: Path, config: ModelConfig, *, is_usual: bool) -> tuple[str, tuple[Flaw, ...]]:
        found = sorted(folder.glob(f"[0-9]*/{config.file}")) if config.file else []
        if not found:
            return NOT_READ, (Flaw("file", f"there is no <version>/{config.file or 'model'}"),)
        if self.open_model and is_usual:
            answer = self.open_model(folder)
            if not answer["unopened"]:
                return OPENED, (*(Flaw("file", each) for each in answer["problems"]), *_compared(config, answer))
        try:
            signature = self.files.signature(found[-1])
        except OrchestratorError as error:
            return READ, (Flaw("file", str(error)),)
        return (READ, contradictions(config, signature)) if signature else (NOT_READ, ())


def _compared(config: ModelConfig, answer: Mapping[str, Any]) -> tuple[Flaw, ...]:
    if answer["problems"]:
        return ()
    inputs, outputs = (
        tuple(TensorSpec(each["name"], each["datatype"], tuple(each["dims"])) for each in answer[kind])
        for kind in ("inputs", "outputs")
    )
    return compare(Signature(config.inputs, config.outputs), inputs=inputs, outputs=outputs)


def _missing(need: Need, config: ModelConfig) -> Iterator[Flaw]:
    for kind, wanted, told in (("input", need.inputs, config.inputs), ("output", need.outputs, config.outputs)):
        for name in sorted(wanted - {tensor.name for tensor in told}):
            yield Flaw("pipeline", f"{need.task_type} needs an {kind} named {name!r}")
    for name in sorted({tensor.name for tensor in config.inputs} - need.inputs):
        yield Flaw("pipeline", f"{need.task_type} sends no {name!r}")
