"""Rows of the host's models that belong to an organization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

from organizations import current

if TYPE_CHECKING:
    QuerySet = models.QuerySet[Any]
else:  # generic in its type stubs only
    QuerySet = models.QuerySet


class OrganizationQuerySetMixin(QuerySet):
    """For a model with a foreign key to ``organizations.Organization``.

        class ProjectQuerySet(OrganizationQuerySetMixin, models.QuerySet):
            pass

        class Project(models.Model):
            organization = models.ForeignKey("organizations.Organization", models.CASCADE)
            objects = ProjectQuerySet.as_manager()

        Project.objects.visible_to(request)

    ``organization_field``: the path to that key, where it is another one (``"board__organization"``).
    """

    organization_field = "organization"

    def visible_to(self, request: Any) -> Any:
        """Those of the organization that the request's session is in; none at all where it is in none."""
        member = current.membership_of(current.principal_of(request))
        return self.of_organization(member.organization_id) if member else self.none()

    def of_organization(self, organization: Any) -> Any:
        """Those of this organization, given as a row or by its id."""
        key = getattr(organization, "pk", organization)
        return self.filter(**{self.organization_field: key})
