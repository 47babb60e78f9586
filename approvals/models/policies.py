"""Policies: documents with immutable published revisions."""

from django.db import models
from django.db.models import F, Q

from mlops_portal.foundation.history import AuditedModel
from mlops_portal.foundation.web.words import spaced
from registry.models.columns import person_key, together


class Policy(AuditedModel):
    """A named policy, such as MRM-07. Enterprise-wide."""

    key = models.SlugField(max_length=40, unique=True)
    title = models.CharField(max_length=160)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return f"{self.key.upper()} {self.title}"


class PolicyRevision(AuditedModel):
    """One edition of a policy: drafted by one, published by another, never edited afterwards."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        PUBLISHED = "published", "In force"
        SUPERSEDED = "superseded", "Superseded"

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="revisions")
    number = models.PositiveIntegerField()
    document = models.TextField()  # YAML as written
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=12, choices=State.choices, default=State.DRAFT)
    is_urgent = models.BooleanField(default=False)
    laxness_reason = models.TextField(blank=True)  # signed reason when laxer than a control (RULES 3.4)
    drafted_by = person_key(null=True)
    drafted_at = models.DateTimeField()
    published_by = person_key(null=True)
    published_at = models.DateTimeField(null=True, blank=True)
    effective_from = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="policy_revision_number_unique"),
            models.UniqueConstraint(
                fields=["policy"], condition=Q(state="published"), name="one_policy_revision_in_force"
            ),
            models.CheckConstraint(condition=~Q(published_by=F("drafted_by")), name="policy_by_two_people"),
        ]

    def __str__(self) -> str:
        return f"{self.policy.key.upper()} v{self.number}"


class Signature(AuditedModel):
    """An electronic signature over a digest: who, in which meaning, proved how (RULES 4.1-4.3). Never changed."""

    class Method(models.TextChoices):
        PASSWORD_CODE = "password_code", "Recorded by the portal"
        PASSKEY = "passkey", "Passkey"

    subject_label = models.CharField(max_length=80)
    subject_id = models.CharField(max_length=40)
    unit = models.ForeignKey("foundation.BusinessUnit", on_delete=models.PROTECT, null=True, related_name="+")
    model = models.ForeignKey(
        "registry.RegisteredModel", on_delete=models.PROTECT, null=True, related_name="+"
    )
    signer = person_key()
    printed_name = models.CharField(max_length=120)
    role = models.CharField(max_length=40, blank=True)
    on_behalf_of = person_key(null=True)
    meaning = models.CharField(max_length=20)
    statement = models.JSONField()  # exactly what the digest covers
    digest = models.CharField(max_length=64)
    method = models.CharField(max_length=16, choices=Method.choices, default=Method.PASSWORD_CODE)
    signed_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = person_key(null=True)
    revocation_reason = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["subject_label", "subject_id"]),
            models.Index(fields=["signer", "-signed_at"]),
        ]
        constraints = [together("revoked_at", "revoked_by", name="signature_revoked_at_and_by_together")]

    def __str__(self) -> str:
        return f"{self.printed_name} signs {spaced(self.meaning)}"
