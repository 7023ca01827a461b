"""Request bodies: size, media type, JSON. Source: security-rules.md, section 5."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import orjson
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, UnreadablePostError

from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, ErrorCode, PayloadTooLarge, UnsupportedMediaType
from better_auth.http.fields import UNDEFINED

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def read(request: HttpRequest, *, accepts_form: bool) -> Any:
    """The decoded body, or ``UNDEFINED`` where there is none.

    Raises ``PayloadTooLarge``, ``UnsupportedMediaType``, or ``BadRequest`` for what is not JSON.
    """
    body = read_bytes(request)
    if not body:
        return UNDEFINED
    header = request.META.get("CONTENT_TYPE", "")
    allowed = [FORM, JSON] if accepts_form else [JSON]
    media_type = header.partition(";")[0].strip().lower()
    match = next((one for one in allowed if one in media_type), None)
    if match is None:
        said = f'Content-Type "{header}" is not allowed.' if header else "Content-Type is required."
        raise UnsupportedMediaType(
            ErrorCode.UNSUPPORTED_MEDIA_TYPE, f"{said} Allowed types: {', '.join(allowed)}"
        )
    return _form(body) if match == FORM else _json(body)


def read_bytes(request: HttpRequest) -> bytes:
    """The body as it came. Raises ``PayloadTooLarge``."""
    limit = auth_settings.max_body_bytes
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if announced.isdigit() and int(announced[:20]) > limit:
        raise PayloadTooLarge(ErrorCode.PAYLOAD_TOO_LARGE)
    try:
        body = request.body
    except RequestDataTooBig:
        raise PayloadTooLarge(ErrorCode.PAYLOAD_TOO_LARGE) from None
    except UnreadablePostError:
        raise BadRequest(ErrorCode.BAD_REQUEST) from None
    if len(body) > limit:
        raise PayloadTooLarge(ErrorCode.PAYLOAD_TOO_LARGE)
    return body


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadRequest(ErrorCode.BAD_REQUEST) from None


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=1000, errors="strict"))
    except ValueError:  # not UTF-8, or too many fields
        raise BadRequest(ErrorCode.BAD_REQUEST, "Invalid form data in request body") from None
