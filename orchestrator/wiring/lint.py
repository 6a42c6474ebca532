"""What `orchestrator models lint` stands on. It needs no stack and no settings."""

from pathlib import Path

from orchestrator.adapters.model_files import FileHeaders, TextConfigs, find_opener
from orchestrator.pipelines.needs import NEEDS
from orchestrator.services.models.lint_models import LintModels


def build_lint(project: Path, *, opens: bool) -> LintModels:
    return LintModels(TextConfigs(), FileHeaders(), NEEDS, find_opener(project) if opens else None)
