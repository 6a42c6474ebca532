"""The only reader of the environment: one frozen `Settings`, made once in the entry point and passed down.

Variables are ``ORCH_<SECTION>__<NAME>``; `docs/configuration.md` and `.env.example` are generated from this package.
"""

import os

from pydantic_settings import BaseSettings, SettingsConfigDict

from orchestrator.settings.content import PayloadSettings
from orchestrator.settings.deliveries import DeliverySettings
from orchestrator.settings.front import ApiSettings, FetchSettings, LimitSettings, MediaSettings, UploadSettings
from orchestrator.settings.models import ModelSettings
from orchestrator.settings.outside import (
    CdnSettings,
    FallbackSettings,
    JournalSettings,
    RedisSettings,
    S3Settings,
    TritonSettings,
)
from orchestrator.settings.receipts import ReceiptSettings
from orchestrator.settings.section import Section
from orchestrator.settings.webhooks import WebhookSettings
from orchestrator.settings.work import KeeperSettings, LogSettings, StageSettings, WorkerSettings

__all__ = [
    "ApiSettings",
    "CdnSettings",
    "DeliverySettings",
    "FallbackSettings",
    "FetchSettings",
    "JournalSettings",
    "KeeperSettings",
    "LimitSettings",
    "LogSettings",
    "MediaSettings",
    "ModelSettings",
    "PayloadSettings",
    "ReceiptSettings",
    "RedisSettings",
    "S3Settings",
    "Settings",
    "StageSettings",
    "TritonSettings",
    "UploadSettings",
    "WebhookSettings",
    "WorkerSettings",
    "unknown_variables",
]


class Settings(BaseSettings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(
        env_prefix="ORCH_", env_nested_delimiter="__", env_parse_none_str="none", frozen=True, extra="ignore"
    )

    redis: RedisSettings = RedisSettings()
    s3: S3Settings = S3Settings()
    cdn: CdnSettings = CdnSettings()
    fallback: FallbackSettings = FallbackSettings()
    triton: TritonSettings = TritonSettings()
    models: ModelSettings = ModelSettings()
    api: ApiSettings = ApiSettings()
    worker: WorkerSettings = WorkerSettings()
    stages: StageSettings = StageSettings()
    media: MediaSettings = MediaSettings()
    fetch: FetchSettings = FetchSettings()
    limits: LimitSettings = LimitSettings()
    uploads: UploadSettings = UploadSettings()
    webhooks: WebhookSettings = WebhookSettings()
    payload: PayloadSettings = PayloadSettings()
    deliveries: DeliverySettings = DeliverySettings()
    receipts: ReceiptSettings = ReceiptSettings()
    keeper: KeeperSettings = KeeperSettings()
    journal: JournalSettings = JournalSettings()
    log: LogSettings = LogSettings()


PREFIX = "ORCH_"
# Read by the command line itself: which stack or service to talk to, and where the embedded stack's files are.
COMMAND_LINE = frozenset({"ORCH_STATE", "ORCH_URL", "ORCH_API_KEY", "ORCH_PROJECT_DIR"})


def unknown_variables() -> list[str]:
    """Variables of the environment that begin like ours and mean nothing: misspelt, or of another version."""
    known = {
        f"{PREFIX}{section}__{name}".upper()
        for section, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
        for name in field.annotation.model_fields
    }
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known | COMMAND_LINE)
