"""The operations below ``/organization``; to be included below ``BASE_PATH``, above the core's."""

from __future__ import annotations

from better_auth.http.endpoint import operations_in
from better_auth.http.views import routes
from organizations.endpoints import invitations, members, organization, roles, teams

operations = operations_in(organization, members, invitations, teams, roles)
urlpatterns = routes(operations)
