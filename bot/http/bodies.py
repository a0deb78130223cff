"""What a client sends, read strictly: one meaning or none.

JSON with duplicate keys, NaN, lone surrogates, a NUL character or a type that is only nearly right is refused,
because two readers could take it for two things. What was sent is never repeated in the refusal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, ValidationError
from sanic import Request

from bot.http.problem import FieldError, Invalid

FORM_FIELDS = 64  # more than any form here has; a text with ten pictures comes with about 45
JSON_DEPTH = 16  # deeper than any body here


class Body(BaseModel):
    """A JSON body: exact types, no unknown field."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Query(BaseModel):
    """Query parameters: text on the wire, so numbers are read from text; no unknown name, none twice."""

    model_config = ConfigDict(extra="forbid", frozen=True)


M = TypeVar("M", bound=BaseModel)


def read_json(request: Request, model: type[M], *, optional: bool = False) -> M:
    """The body as `model`.

    Args:
        optional: an absent body counts as `{}`.

    Raises:
        Invalid: with the fields at fault, never their values.
    """
    raw = request.body
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Invalid("Send the body as it is, not compressed.")
    if optional and not raw:
        return validate_json(b"{}", model)
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    if media_type.strip().lower() != "application/json":
        raise Invalid("Send the body as application/json.")
    if parameters.strip().lower().replace('"', "") not in ("", "charset=utf-8"):
        raise Invalid("Send the body in UTF-8.")
    return validate_json(raw, model)


def validate_json(raw: bytes, model: type[M]) -> M:
    """`raw` as `model`.

    Raises:
        Invalid: with the fields at fault, never their values.
    """
    try:
        value = json.loads(raw.decode(), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
        _check_text(value, JSON_DEPTH)
    except Invalid:
        raise
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise Invalid("The body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise Invalid("The body must be a JSON object.")
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise invalid_fields(error) from None


def read_query(request: Request, model: type[M]) -> M:
    """The query string as `model`.

    Raises:
        Invalid: unknown, repeated or wrong parameters.
    """
    return validate_values(_pairs(request.query_string), model)


def read_form(request: Request) -> dict[str, str]:
    """The fields of a page's form (application/x-www-form-urlencoded), as text.

    Raises:
        Invalid: another media type, a repeated field, or text that is not UTF-8.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise Invalid("Send the form as application/x-www-form-urlencoded.")
    try:
        return _pairs(request.body.decode("ascii"))
    except UnicodeDecodeError:
        raise Invalid("The form is not readable.") from None


def validate_values(values: Mapping[str, str], model: type[M]) -> M:
    """Text values, from a form or a query, as `model`.

    Raises:
        Invalid: with the fields at fault in `errors`, never their values.
    """
    try:
        return model.model_validate(values, strict=False)
    except ValidationError as error:
        raise invalid_fields(error) from None


def invalid_fields(error: ValidationError) -> Invalid:
    """A problem that names the documented fields at fault and says what they must be."""
    errors = []
    for problem in error.errors(include_url=False, include_input=False, include_context=True):
        location = [str(part) for part in problem["loc"]]
        if problem["type"] == "extra_forbidden":
            location.pop()  # the name is the caller's own word
        errors.append(FieldError(".".join(location), _message(problem["type"], problem)))
    return Invalid("Some fields are not valid.", errors=list(dict.fromkeys(errors)))


_MESSAGES = {
    "missing": "is needed",
    "extra_forbidden": "has a field that is not known here",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "uuid_parsing": "must be a UUID",
    "uuid_type": "must be a UUID",
    "string_pattern_mismatch": "is not in the expected form",
}


def _message(kind: str, problem: Any) -> str:
    context = problem.get("ctx", {})
    match kind:
        case "string_too_short":
            return f"needs at least {context['min_length']} character(s)"
        case "string_too_long":
            return f"can have at most {context['max_length']} characters"
        case "greater_than_equal":
            return f"must be at least {context['ge']}"
        case "less_than_equal":
            return f"must be at most {context['le']}"
        case "enum" | "literal_error":
            return f"must be {context['expected']}"
        case "value_error":  # raised by a validator of ours, whose words are fixed
            return str(context["error"])
        case _:
            return _MESSAGES.get(kind, "is not valid")


def _pairs(encoded: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            encoded, keep_blank_values=True, strict_parsing=bool(encoded), errors="strict", max_num_fields=FORM_FIELDS
        )
    except ValueError:
        raise Invalid("The form or query is not readable.") from None
    if len({name for name, _ in pairs}) != len(pairs):
        raise Invalid("A field is given more than once.")
    values = dict(pairs)
    _check_text(values, 2)
    return values


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise Invalid("A field is given more than once.")
    return result


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _check_text(value: Any, depth: int) -> None:
    if depth < 0:
        raise Invalid("The body is nested too deeply.")
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise Invalid("The text holds characters that are not allowed.")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key, depth)
            _check_text(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check_text(item, depth - 1)
