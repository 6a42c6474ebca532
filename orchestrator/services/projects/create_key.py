"""Create a key: its text leaves this service once and is kept nowhere."""

from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.domain.api_key import NODE_WIDE, ApiKey, Caller, KeySecrets, NewKey, Scope, render_key
from orchestrator.domain.errors import Forbidden
from orchestrator.domain.project import Project
from orchestrator.ports.api_keys import ApiKeys


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """The key that somebody wants. Without a name it is named by its scopes."""

    project: Project
    scopes: frozenset[Scope]
    name: str | None = None
    expires_in_s: float | None = None


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key, and its text for the only time."""

    key: ApiKey
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CreateKey:
    """``new_secret`` makes the hexadecimal digits of `render_key`, which nobody can guess."""

    keys: ApiKeys
    new_id: Callable[[str], str]
    new_secret: Callable[[], str]
    secrets: KeySecrets

    def create(self, caller: Caller, asked: KeyRequest) -> CreatedKey:
        """Make a key, and its project if there is none.

        Raises:
            Forbidden: it would reach beyond its project further than the caller's own key does.
            TooManyKeys: two live keys of that name are there.
        """
        beyond = sorted((asked.scopes & NODE_WIDE) - caller.scopes)
        if beyond:
            raise Forbidden(f"a key without the scope {beyond[0]} cannot give it to another")
        key_id = self.new_id("key")
        text = render_key(key_id, self.new_secret())
        made = self.keys.create(
            NewKey(
                id=key_id,
                project=asked.project.slug,
                name=asked.name or " ".join(sorted(asked.scopes)),
                scopes=asked.scopes,
                mac=self.secrets.sign(text),
                expires_in_s=asked.expires_in_s,
            )
        )
        return CreatedKey(made, text)
