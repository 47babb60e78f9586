"""The states of a job."""

from django.db import models


class JobState(models.TextChoices):
    """Queued and running jobs move on; the others stay as they are."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Finished"
    FAILED = "failed", "Failed"
    STOPPED = "stopped", "Stopped"


FINAL_STATES = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.STOPPED})
