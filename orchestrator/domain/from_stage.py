"""Where a client's retry begins."""

from enum import StrEnum


class FromStage(StrEnum):
    """If not with the stage that failed. What is inferred anew is fetched anew, and cut into parts anew."""

    FETCH = "fetch"
    INFER = "infer"
    STORE = "store"
