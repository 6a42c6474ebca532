"""`/v1/task-types`: what this node can do, and the parameters of each."""

from fastapi import APIRouter

from orchestrator.api.deps import TaskReader
from orchestrator.api.problems import AUTHENTICATED, problem_docs
from orchestrator.api.schemas import TaskTypeList, TaskTypeView
from orchestrator.pipelines.registry import PIPELINES

router = APIRouter(prefix="/v1/task-types", tags=["task types"])


@router.get("", responses=problem_docs(AUTHENTICATED))
def list_task_types(_: TaskReader) -> TaskTypeList:
    """Every task type, with the JSON Schema of its parameters."""
    return TaskTypeList(
        items=[
            TaskTypeView(
                name=pipeline.name,
                summary=pipeline.summary,
                lane=pipeline.lane,
                accepts=sorted(pipeline.accepts),
                params=pipeline.params.model_json_schema(),
            )
            for pipeline in PIPELINES.values()
        ]
    )
