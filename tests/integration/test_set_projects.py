"""Projects are set on a node that knows a CMS, and on one that does not."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from orchestrator.adapters.redis.connection import API, connect
from orchestrator.adapters.redis.projects import RedisProjects
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.errors import InvalidParams
from orchestrator.domain.project import Project
from orchestrator.services.projects.set_projects import SetProjects


@pytest.fixture
def projects(redis_url: str) -> Iterator[RedisProjects]:
    with closing(connect(redis_url, API)) as client:
        yield RedisProjects(Scripts(client))


@pytest.fixture
def changed() -> list[str]:
    return []


@pytest.fixture
def service(projects: RedisProjects, changed: list[str]) -> SetProjects:
    return SetProjects(projects, changed.append, has_content=False)


def test_what_nobody_could_show_is_refused_and_changes_nothing(
    service: SetProjects, projects: RedisProjects, changed: list[str]
) -> None:
    with pytest.raises(InvalidParams, match="knows no PayloadCMS"):
        service.create(Project("film-a", payload_collection="inference-jobs"))
    service.create(Project("film-a"))
    with pytest.raises(InvalidParams, match="knows no PayloadCMS"):
        service.change("film-a", {"payload_collection": "inference-jobs", "weight": 2})
    assert (projects.get("film-a").weight, changed) == (1, ["film-a"]), "it was made, and no more"


def test_what_was_shown_may_be_shown_no_more_and_all_else_is_as_ever(
    service: SetProjects, projects: RedisProjects, changed: list[str]
) -> None:
    projects.create(Project("film-a", payload_collection="inference-jobs"))
    assert service.change("film-a", {"weight": 3, "payload_outputs": "link"}).weight == 3
    assert service.change("film-a", {"payload_collection": None}).payload_collection is None
    assert changed == ["film-a", "film-a"], "and its callers are looked up anew"
