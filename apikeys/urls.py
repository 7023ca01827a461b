"""The endpoints of API keys, to be included below ``BASE_PATH`` and above the core's."""

from __future__ import annotations

from apikeys import endpoints
from better_auth.http.endpoint import operations_in
from better_auth.http.views import routes

operations = operations_in(endpoints)
urlpatterns = routes(operations)
