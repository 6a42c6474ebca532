"""What a task looks like: the same in the OpenAPI document and in docs/http.md."""

from pydantic.config import JsonDict

TASK_EXAMPLE: JsonDict = {
    "id": "task_01m82wee72bfd54k32vk1sb59e",
    "type": "image.upscale",
    "status": "succeeded",
    "project": "film-a",
    "priority": "normal",
    "input": {
        "object": "projects/film-a/uploads/…/still.png",
        "etag": "9a0f…",
        "size_bytes": 482113,
        "content_type": "image/png",
    },
    "params": {
        "scale": 4,
        "format": "png",
    },
    "labels": {
        "shot": "12b",
    },
    "progress": {
        "fraction": 1.0,
        "stage": "store",
        "done": 12,
        "total": 12,
    },
    "result": {
        "width": 2048,
        "height": 1536,
    },
    "error": None,
    "usage": {
        "inferences": 12,
    },
    "generation": 1,
    "follows": None,
    "expires_at": None,
    "created_at": "2026-11-23T00:21:12.041Z",
    "started_at": "2026-11-23T00:21:12.060Z",
    "ended_at": "2026-11-23T00:21:15.402Z",
    "links": {
        "self": "/v1/tasks/task_01m82wee72bfd54k32vk1sb59e",
    },
    "queue": None,
    "attempts": [
        {
            "epoch": 1,
            "worker": "gpu-1/411",
            "started_at": "2026-11-23T00:21:12.060Z",
            "ended_at": "2026-11-23T00:21:15.402Z",
            "error": None,
        }
    ],
    "outputs": [
        {
            "name": "upscaled.png",
            "url": "https://…",
            "content_type": "image/png",
            "size_bytes": 6120334,
            "sha256": "ab12…",
        }
    ],
    "storage": None,
}
