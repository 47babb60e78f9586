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


class NotificationQuerySet(models.QuerySet):
    """Notices by what they still want from their person."""

    def unread(self) -> "NotificationQuerySet":
        """Return what nobody read and nothing settled: what the bell counts."""
        return self.filter(read_at__isnull=True, settled_at__isnull=True)

    def asking(self) -> "NotificationQuerySet":
        """Return what something is still expected for."""
        return self.filter(is_asking=True, settled_at__isnull=True)


class Notification(models.Model):
    """One thing that changed and what is expected of the person.

    `about` keys the record that notices are grouped by, `subject` names it. What was asked for settles once it is done
    or no longer stands; `outcome` says which.
    """

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications"
    )
    about = models.CharField(max_length=160)
    subject = models.CharField(max_length=160)
    text = models.CharField(max_length=300)
    link = models.CharField(max_length=300, blank=True)
    tone = models.CharField(max_length=8, default="info")
    is_asking = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    outcome = models.CharField(max_length=80, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(settled_at__isnull=True, outcome="", settled_by__isnull=True)
                | (Q(settled_at__isnull=False) & ~Q(outcome="")),
                name="notification_settled_says_how",
            )
        ]
        indexes = [
            models.Index(
                fields=["person"],
                condition=Q(read_at__isnull=True, settled_at__isnull=True),
                name="notification_unread",
            ),
            models.Index(fields=["person", "about", "-id"], name="notification_of_record"),
        ]

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"

    @property
    def is_unread(self) -> bool:
        """Tell whether it is new to its person and still stands."""
        return self.read_at is None and self.settled_at is None


class Expectation(models.Model):
    """One thing that a notice waits for, by the key of its ask; the row goes when it is done or no longer stands."""

    notice = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="expectations")
    key = models.CharField(max_length=100)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "notice"], name="expectation_once_for_a_notice")
        ]

    def __str__(self) -> str:
        return self.key
