"""Wrong settings are told by the name of their variable, and without their value."""

import pytest

from orchestrator.cli.node_settings import BadSettings, read_settings


def test_a_wrong_variable_is_named_and_its_value_kept_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCH_WORKER__DRAIN", "s3cret")
    with pytest.raises(BadSettings, match="ORCH_WORKER__DRAIN: ") as failure:
        read_settings()
    assert "s3cret" not in str(failure.value)


def test_broken_json_is_named_and_its_value_kept_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCH_STAGES__INFER_BY_TYPE", "{s3cret")
    with pytest.raises(BadSettings, match="stages") as failure:
        read_settings()
    assert "s3cret" not in str(failure.value)
