"""What belongs to a person's use of the pages: saved views and notices. Not governed facts, hence no history."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class SavedView(models.Model):
    """Filters, sorting and columns of one list under a name; shared with a unit when `unit` is set."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    page = models.CharField(max_length=80)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000, blank=True)
    unit = models.ForeignKey("foundation.BusinessUnit", on_delete=models.CASCADE, null=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "page", "name"],
                name="saved_view_name_once_per_page",
                violation_error_message="You have a view of this name on this page already.",
            )
        ]
        indexes = [models.Index(fields=["page", "unit"], name="saved_view_page_unit")]

    def __str__(self) -> str:
        return self.name


class Notification(models.Model):
    """One thing that changed and what is expected of the person; `subject` groups what belongs together."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications"
    )
    subject = models.CharField(max_length=160)
    text = models.CharField(max_length=300)
    link = models.CharField(max_length=300, blank=True)
    tone = models.CharField(max_length=8, default="info")
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["person"], condition=Q(read_at__isnull=True), name="notification_unread"),
            models.Index(fields=["person", "-id"], name="notification_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"
