"""OpenAPI 3.1 from the declared operations, and a page that shows it without loading anything from elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from sanic import HTTPResponse, Request

from bot.http.api import Api, Auth, Operation, page
from bot.http.cookies import HOST_PREFIX
from bot.http.problem import MEDIA_TYPE, CrossSite, Invalid, Problem, TooLarge, Unavailable

_PARAMETER = re.compile(r"<(\w+)(?::([^>]+))?>")


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str
    message: str


class ProblemDetails(BaseModel):
    """RFC 9457, with a code."""

    type: str
    title: str
    status: int
    code: str
    detail: str | None = None
    errors: list[FieldProblem] | None = None
    retry_after: int | None = None
    request_id: str | None = None


_SECURITY = {
    Auth.CHAT: {"type": "apiKey", "in": "cookie", "name": "twostep_chat"},
    Auth.PRE_AUTH: {"type": "apiKey", "in": "cookie", "name": "twostep_preauth"},
    Auth.SESSION: {"type": "apiKey", "in": "cookie", "name": "twostep_session"},
    Auth.BOT: {"type": "http", "scheme": "bearer"},
    Auth.TWILIO: {"type": "apiKey", "in": "header", "name": "X-Twilio-Signature"},
    Auth.METRICS: {"type": "http", "scheme": "bearer"},
}


def openapi(apis: Sequence[Api], server: str) -> dict[str, Any]:
    """The document; `server` is the address that it is for."""
    operations = [(api, operation) for api in apis for operation in api.operations if not operation.page]
    models: dict[type[BaseModel], None] = {ProblemDetails: None}
    for _, operation in operations:
        for model in (operation.body, *operation.replies.values()):
            if model is not None:
                models[model] = None
    refs, schemas = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for api, operation in operations:
        path = _PARAMETER.sub(r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _operation(api, operation, refs)
    return {
        "openapi": "3.1.0",
        "info": {"title": "twostep", "version": "1", "description": "Help with two-step verification."},
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": _security_schemes(https=server.startswith("https://")),
        },
    }


def _security_schemes(*, https: bool) -> dict[str, dict[str, str]]:
    schemes = {auth.value: dict(scheme) for auth, scheme in _SECURITY.items()}
    for scheme in schemes.values():
        if https and scheme.get("in") == "cookie":
            scheme["name"] = HOST_PREFIX + scheme["name"]
    return schemes


def _operation(api: Api, operation: Operation, refs: dict[Any, Any]) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name, _ in _PARAMETER.findall(operation.path)
    ]
    if operation.query is not None:
        schema = operation.query.model_json_schema()
        for name, field in schema.get("properties", {}).items():
            parameters.append(
                {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": field}
            )
    for name, description in operation.headers.items():
        parameters.append({
            "name": name, "in": "header", "required": False, "description": description,
            "schema": {"type": "string"},
        })
    responses: dict[str, Any] = {}
    for status, model in operation.replies.items():
        responses[str(status)] = {"description": "Done"}
        if model is not None:
            responses[str(status)]["content"] = {"application/json": {"schema": refs[(model, "validation")]}}
    problems: dict[int, list[str]] = {}
    usual: tuple[type[Problem], ...] = (Invalid, TooLarge, Unavailable)
    if operation.auth.from_browsers and operation.method != "GET":
        usual += (CrossSite,)
    for problem in dict.fromkeys((*usual, *operation.problems)):
        problems.setdefault(problem.status, []).append(problem.code)
    for status, codes in sorted(problems.items()):
        responses[str(status)] = {
            "description": " or ".join(codes),
            "content": {MEDIA_TYPE: {"schema": refs[(ProblemDetails, "validation")]}},
        }
    described: dict[str, Any] = {
        "operationId": operation.name, "tags": [api.title], "summary": operation.summary, "responses": responses,
    }
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = {
            "required": not operation.body_optional,
            "content": {"application/json": {"schema": refs[(operation.body, "validation")]}},
        }
    if operation.auth is not Auth.NONE:
        described["security"] = [{operation.auth.value: []}]
    return described


def docs_api(apis: Sequence[Api], server: str) -> Api:
    """/docs/openapi.json and /docs. `apis` is read when asked, so that it may still grow after this call."""
    api = Api("Documentation")

    @api.page("GET", "/docs/openapi.json")
    async def openapi_json(request: Request) -> HTTPResponse:
        """The OpenAPI document."""
        return HTTPResponse(json.dumps(openapi(apis, server)), content_type="application/json")

    @api.page("GET", "/docs")
    async def docs(request: Request) -> HTTPResponse:
        """The OpenAPI document for people."""
        return page(_docs_page(openapi(apis, server)))

    return api


def _docs_page(document: dict[str, Any]) -> str:
    rows = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            replies = ", ".join(f"{status} {value['description']}" for status, value in operation["responses"].items())
            body = operation.get("requestBody", {}).get("content", {})
            schema = body.get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
            rows.append(
                f"<section><h3><code>{method.upper()} {escape(path)}</code></h3><p>{escape(operation['summary'])}</p>"
                f"<p>Body: {escape(schema) or 'none'}. Access: "
                f"{escape(', '.join(k for s in operation.get('security', []) for k in s) or 'open')}.</p>"
                f"<p>Replies: {escape(replies)}.</p></section>"
            )
    schemas = escape(json.dumps(document["components"]["schemas"], indent=2))
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>twostep: HTTP interface</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<link rel='icon' href='/static/icon.svg'><link rel='stylesheet' href='/static/site.css'></head>"
        "<body><main class='site-width'><h1>HTTP interface</h1>"
        "<p><a href='/docs/openapi.json'>OpenAPI 3.1 document</a></p>"
        f"{''.join(rows)}<h2>Schemas</h2><pre tabindex='0'>{schemas}</pre></main></body></html>"
    )
