"""What can other programs do here, under /api/v1?

FastAPI, mounted as an application of its own: its OpenAPI document comes from the models that check the requests.
Why: docs/adr/0014. Callers: web/app.py.
"""

from typing import Any, Final

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from config.services import Services
from web.api import reading, writing
from web.api.clients import Door
from web.api.problems import Problem, on_failure, on_malformed, on_outage, on_refusal
from web.outages import Outages

PATH: Final = "/api/v1"
TITLE: Final = "督办 duban"
VERSION: Final = "1"
#: where the models of one another are found
SCHEMAS: Final = "#/components/schemas/{model}"


def make_api(services: Services, desks: Any) -> FastAPI:
    """Return the API as an application that is mounted at PATH."""
    api = FastAPI(
        title=TITLE,
        version=VERSION,
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        middleware=[Middleware(Outages, answer=on_outage), Middleware(Door, services=services)],
        exception_handlers={
            HTTPException: on_refusal,
            RequestValidationError: on_malformed,
            Exception: on_failure,
        },
        # Only for the document: the door has looked at the token before.
        dependencies=[Depends(HTTPBearer(auto_error=False, description="a token of `duban token add`"))],
    )
    api.state.services, api.state.desks = services, desks
    api.include_router(reading.router)
    api.include_router(writing.router)
    api.openapi = lambda: document(api)  # type: ignore[method-assign]
    return api


def document(api: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with the shape of all refusals."""
    if api.openapi_schema is None:
        made = get_openapi(
            title=TITLE,
            version=VERSION,
            summary="督办接口：登记履职、群众意见和项目进展，查询督办事项和通知",
            routes=api.routes,
            servers=[{"url": PATH}],
        )
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        problem = Problem.model_json_schema(ref_template=SCHEMAS)
        schemas |= problem.pop("$defs", {})
        schemas["Problem"] = problem
        api.openapi_schema = made
    return api.openapi_schema
