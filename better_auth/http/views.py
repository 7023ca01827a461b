"""Operations as views: one view for each path, whatever its methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, re_path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from better_auth.http.endpoint import Operation, answer, not_found
from better_auth.http.reply import JSON, NO_BODY, Reply, dress, encode, to_response

View = Callable[..., HttpResponse]


def patterns(operations: Iterable[Operation]) -> list[URLPattern]:
    """URL patterns for all operations and their aliases, and 404 in the protocol's manner for all else."""
    return [*routes(operations), nothing_else("better-auth-not-found")]


def routes(operations: Iterable[Operation]) -> list[URLPattern]:
    """The same without the last word, for an app whose operations stand above the core's."""
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in operations:
        for one in (operation.path, *operation.aliases):
            by_path.setdefault(one, {})[operation.method] = operation
    return [
        path(one.removeprefix("/"), view_of(methods), name=_name(one)) for one, methods in by_path.items()
    ]


def nothing_else(name: str) -> URLPattern:
    """404 in the protocol's manner, for all that no pattern above it has taken."""
    return re_path(r"^.*$", _plain({}), name=name)


def view_of(operations: Mapping[str, Operation]) -> View:
    """A plain view where one of the operations is hot, else a DRF view."""
    is_hot = any(operation.is_hot for operation in operations.values())
    view = _plain(operations) if is_hot else ProtocolView.as_view(operations=dict(operations))
    return transaction.non_atomic_requests(view)


def _plain(operations: Mapping[str, Operation]) -> View:
    @csrf_exempt
    def view(request: HttpRequest, **captured: str) -> HttpResponse:
        operation = operations.get(request.method or "")
        return to_response(answer(operation, request, captured) if operation else not_found())

    return view


class _AnyMediaType(BaseContentNegotiation):
    """The protocol answers in one format, whatever a client says it accepts."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0] if parsers else None

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class _ReplyRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        return encode(data)


class ProtocolView(APIView):
    """Operations of one path. Authentication, origin and errors are the protocol's, not DRF's."""

    operations: Mapping[str, Operation] = {}
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    parser_classes = ()
    renderer_classes = (_ReplyRenderer,)
    content_negotiation_class = _AnyMediaType

    def dispatch(self, request: HttpRequest, *args: Any, **captured: str) -> HttpResponse:
        # The body is read by the protocol's rules, and before DRF's request could consume it.
        operation = self.operations.get(request.method or "")
        self.reply = answer(operation, request, captured) if operation else not_found()
        self.headers: dict[str, str] = {}  # DRF's own would name the methods of a view that has none
        self.args, self.kwargs = args, captured
        self.request = self.initialize_request(request, *args, **captured)
        response: Any = self._response(self.reply)  # DRF takes any response of Django's too
        self.response = self.finalize_response(self.request, response, *args, **captured)
        return self.response

    def _response(self, reply: Reply) -> HttpResponse:
        if reply.body is NO_BODY or reply.content_type != JSON:
            return to_response(reply)
        return dress(Response(reply, status=reply.status, content_type=reply.content_type), reply)


def _name(one: str) -> str:
    return "better-auth-" + one.strip("/").replace("/", "-").replace("<str:", "").replace(">", "")
