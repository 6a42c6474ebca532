"""The OpenAPI document of the application as it is in production; it connects nothing before its first request."""

from typing import Any

from pydantic import SecretStr

from orchestrator.api.app import build_app
from orchestrator.settings import ApiSettings, Settings
from orchestrator.wiring.api import build_api_parts


def read_document() -> dict[str, Any]:
    settings = Settings(api=ApiSettings(key_pepper=SecretStr("pepper-of-nobody-at-all")))
    return build_app(build_api_parts(settings)).openapi()
