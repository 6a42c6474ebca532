"""The OpenAPI document is true: requests made from it, good and bad, get the answers that it promises."""

from typing import Any

import pytest
import schemathesis
from front_door import SECRETS, FrontDoor
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import CheckFunction
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from orchestrator.api.app import BODY_LIMIT_BYTES

# What is well-formed can still be refused: which task types and objects there are, no schema says
# (`positive_data_acceptance` is excluded below).
SOME = settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.mark.timeout(300)  # some forty operations in one test
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_operation_keeps_its_word(door: FrontDoor, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"{door.url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) >= 10
    for operation in operations:
        if mode is GenerationMode.NEGATIVE and not takes_input(operation):
            continue

        @SOME
        @given(case=operation.as_strategy(generation_mode=mode))
        def keeps_its_word(case: Case[Any]) -> None:
            query = case.query or {}
            excluded: list[CheckFunction] = [positive_data_acceptance]
            if case.operation.path.endswith("/events"):
                case.query = {**query, "follow": "false"}  # it would never end
                excluded += [negative_data_rejection] if "follow" in query else []  # ours may replace a mistake
            if any(isinstance(value, list | dict) and len(value) < 2 for value in query.values()):
                excluded += [
                    negative_data_rejection
                ]  # in a URL a list of one is that one, and an empty one is not there
            if len(str(case.body)) >= BODY_LIMIT_BYTES // 2:
                excluded += [negative_data_rejection]  # 413 is a refusal, too
            headers = {"Authorization": f"Bearer {SECRETS.admin_key}"}
            case.call_and_validate(headers=headers, excluded_checks=excluded)

        keeps_its_word()


def takes_input(operation: APIOperation[Any, Any, Any, Any]) -> bool:
    return bool(operation.body or operation.query or operation.path_parameters)
