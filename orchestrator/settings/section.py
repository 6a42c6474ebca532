"""What a section of the settings is made of."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr

LONG = 20


class Section(BaseModel):
    """Base of every section: a misspelt name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _long_or_empty(secret: SecretStr) -> SecretStr:
    if 0 < len(secret.get_secret_value()) < LONG:
        raise ValueError(f"must have at least {LONG} characters")
    return secret


LongSecret = Annotated[SecretStr, AfterValidator(_long_or_empty)]
