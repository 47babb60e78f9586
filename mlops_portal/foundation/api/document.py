"""The OpenAPI document as the portal serves it."""

import functools

from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class DocumentView(SpectacularAPIView):
    """The document as YAML or JSON; it is the same for everybody who may read it."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """Return the document in the format that was asked for."""
        renderer = request.accepted_renderer
        kind = (
            f"{renderer.media_type}; charset={renderer.charset}" if renderer.charset else renderer.media_type
        )
        answer = HttpResponse(written(type(renderer)), content_type=kind)
        answer["Content-Disposition"] = f'inline; filename="mlops-portal-api.{renderer.format}"'
        return answer


@functools.cache
def written(renderer: type[BaseRenderer]) -> bytes:
    """Write the document once for each process and format: it takes about a second, and nothing in it changes."""
    return renderer().render(SchemaGenerator().get_schema(public=True), renderer_context={})
