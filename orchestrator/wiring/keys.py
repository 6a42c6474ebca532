"""What the front door needs to know its callers."""

import secrets
from concurrent.futures import ThreadPoolExecutor

from orchestrator.adapters.redis.api_keys import RedisApiKeys
from orchestrator.adapters.redis.projects import RedisProjects
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.sortable_ids import new_id
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.domain.api_key import SECRET_BYTES, KeySecrets
from orchestrator.domain.errors import OrchestratorError
from orchestrator.ports.api_keys import ApiKeys
from orchestrator.services.projects.authenticate import Authenticate
from orchestrator.services.projects.create_key import CreateKey
from orchestrator.settings import Settings


class MissingPepper(OrchestratorError):
    """ORCH_API__KEY_PEPPER is empty: API keys cannot be kept without it. Any long secret will do; keep it."""

    code = "missing_pepper"


def build_key_secrets(settings: Settings) -> KeySecrets:
    """What the environment knows of keys.

    Raises:
        MissingPepper: it is empty.
    """
    pepper = settings.api.key_pepper.get_secret_value().encode()
    if not pepper:
        raise MissingPepper
    return KeySecrets(pepper, settings.api.admin_key.get_secret_value(), settings.api.admin_project)


def build_authenticate(scripts: Scripts, key_secrets: KeySecrets) -> Authenticate:
    """One thread looks keys up again and notes their use, behind the requests."""
    later = ThreadPoolExecutor(1, thread_name_prefix="keys").submit
    keys, projects = RedisApiKeys(scripts), RedisProjects(scripts)
    return Authenticate(keys, projects, key_secrets, clock=SystemClock(), later=later)


def build_create_key(keys: ApiKeys, key_secrets: KeySecrets) -> CreateKey:
    return CreateKey(keys, new_id, lambda: secrets.token_hex(SECRET_BYTES), key_secrets)
