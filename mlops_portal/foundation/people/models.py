"""Users, the tree of business units, role grants, service accounts and tokens."""

from typing import Any

from django.contrib.auth.models import AbstractUser, Group, UserManager
from django.db import models
from django.db.models import F, Q
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from mlops_portal.foundation.history import AuditedManager, AuditedModel

MAX_UNIT_DEPTH = 4


class PersonManager(UserManager.from_queryset(AuditedManager._queryset_class)):
    """Finds people by e-mail; creating goes through `people.services`."""

    use_in_migrations = False  # allauth's data migrations update people without history

    def get_by_natural_key(self, email: str) -> "User":
        """Return the person who signs in with this address."""
        return self.get(email__iexact=email)


class User(AuditedModel, AbstractUser):
    """A person, or the machine identity behind a service account. Never deleted, only deactivated."""

    class Kind(models.TextChoices):
        PERSON = "person", "Person"
        SERVICE = "service", "Service account"

    username = None
    first_name = None
    last_name = None
    email = models.EmailField("e-mail address", max_length=254, unique=True)
    name = models.CharField(max_length=120)
    job_title = models.CharField(max_length=120, blank=True)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.PERSON)
    line_manager = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="reports"
    )
    time_zone = models.CharField(max_length=64, blank=True)
    shortcuts_off = models.BooleanField(default=False)
    density = models.CharField(
        max_length=12, choices=[("compact", "Compact"), ("comfortable", "Comfortable")], default="compact"
    )
    deactivated_at = models.DateTimeField(null=True, blank=True)

    UNRECORDED_FIELDS = ("password", "last_login")
    _rights: Any  # what `people.rights` read for this object, once a request

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]
    objects = PersonManager()

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"

    def __str__(self) -> str:
        return self.name or self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Let Django note sign-ins and renew password hashes, which history does not keep; the rest needs `save_as`."""
        fields = kwargs.get("update_fields")
        if fields and set(fields) <= set(self.UNRECORDED_FIELDS):
            self.skip_history_when_saving = True
            try:
                models.Model.save(self, *args, **kwargs)
            finally:
                del self.skip_history_when_saving
            return
        super().save(*args, **kwargs)

    @property
    def is_person(self) -> bool:
        """Tell a person from a machine."""
        return self.kind == self.Kind.PERSON

    @property
    def initials(self) -> str:
        """Two letters for the avatar."""
        parts = self.name.split()
        return (parts[0][:1] + parts[-1][:1]).upper() if len(parts) > 1 else self.name[:2]

    def get_full_name(self) -> str:
        """Return the printed name."""
        return self.name

    def get_short_name(self) -> str:
        """Return initial and family name, as the pages write people: ``I. Halvorsen``."""
        first, _, family = self.name.rpartition(" ")
        return f"{first[:1]}. {family}" if first else self.name


class BusinessUnit(AuditedModel):
    """A part of the enterprise. Rights are granted on units and cover the subtree."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120, unique=True)
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children"
    )
    depth = models.PositiveSmallIntegerField(default=0)
    head = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="heads")
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(depth__lt=MAX_UNIT_DEPTH), name="unit_depth_at_most_four"),
            models.CheckConstraint(condition=~Q(parent=F("id")), name="unit_not_its_own_parent"),
        ]

    def __str__(self) -> str:
        return self.name


class UnitClosure(models.Model):
    """Every ancestor of every unit, itself included; derived by `people.services.units`."""

    ancestor = models.ForeignKey(BusinessUnit, on_delete=models.CASCADE, related_name="+")
    descendant = models.ForeignKey(BusinessUnit, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ancestor", "descendant"], name="unit_closure_once")]

    def __str__(self) -> str:
        return f"{self.ancestor_id} > {self.descendant_id}"


class RoleGrant(AuditedModel):
    """The record of who holds which role where, from when to when, and who granted it."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="grants")
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="grants")
    role = models.CharField(max_length=40)
    unit = models.ForeignKey(
        BusinessUnit, on_delete=models.PROTECT, null=True, blank=True, related_name="grants"
    )
    model_id = models.BigIntegerField(null=True, blank=True)  # a registered model: an app above, hence no key
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True)
    granted_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    granted_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True, blank=True)
    # Taking the role from an administrator takes two: the first asks, and it ends when a second does the same.
    revocation_asked_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    revocation_asked_at = models.DateTimeField(null=True, blank=True)
    revocation_reason = models.TextField(blank=True)
    revoked_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)
    # Why the second person declined it. What is declined is revoked, too: it ended without ever taking effect.
    decline_reason = models.TextField(blank=True)
    is_effective = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(decline_reason="") | Q(revoked_at__isnull=False, confirmed_at__isnull=True),
                name="grant_declined_is_ended_unconfirmed",
            ),
            models.CheckConstraint(
                condition=Q(user__isnull=True) ^ Q(group__isnull=True), name="grant_to_person_or_group"
            ),
            models.CheckConstraint(
                condition=Q(unit__isnull=True) ^ Q(model_id__isnull=True), name="grant_on_unit_or_model"
            ),
            models.CheckConstraint(
                condition=Q(confirmed_at__isnull=True, confirmed_by__isnull=True)
                | Q(confirmed_at__isnull=False, confirmed_by__isnull=False),
                name="grant_confirmed_at_and_by_together",
            ),
            models.CheckConstraint(condition=~Q(confirmed_by=F("granted_by")), name="grant_by_two_people"),
            models.CheckConstraint(
                condition=Q(revocation_asked_at__isnull=True, revocation_asked_by__isnull=True)
                | Q(revocation_asked_at__isnull=False, revocation_asked_by__isnull=False),
                name="grant_revocation_asked_at_and_by_together",
            ),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True, revoked_by__isnull=True)
                | Q(revoked_at__isnull=False, revoked_by__isnull=False),
                name="grant_revoked_at_and_by_together",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "is_effective"]),
            models.Index(fields=["is_effective", "valid_until"]),
        ]

    def __str__(self) -> str:
        return f"{self.role} for {self.user or self.group}"


class AccessRequest(AuditedModel):
    """Somebody was refused and asks for access; a person who grants roles on the unit gives one, or declines."""

    class State(models.TextChoices):
        ASKED = "asked", "Waiting"
        GRANTED = "granted", "Granted"
        DECLINED = "declined", "Declined"

    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="access_requests")
    right = models.CharField(max_length=80)  # what the refused act needs
    unit = models.ForeignKey(BusinessUnit, on_delete=models.PROTECT, related_name="+")
    path = models.CharField(max_length=300, blank=True)  # where the person was refused
    reason = models.TextField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.ASKED)
    asked_at = models.DateTimeField()
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    note = models.TextField(blank=True)
    grant = models.ForeignKey(RoleGrant, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "right", "unit"], condition=Q(state="asked"), name="access_asked_once"
            ),
            models.CheckConstraint(
                condition=Q(state="asked", decided_at__isnull=True, decided_by__isnull=True)
                | (~Q(state="asked") & Q(decided_at__isnull=False, decided_by__isnull=False)),
                name="access_decided_at_and_by_together",
            ),
            models.CheckConstraint(condition=~Q(decided_by=F("person")), name="access_by_two_people"),
        ]
        indexes = [models.Index(fields=["unit", "state", "asked_at"])]

    def __str__(self) -> str:
        return f"Access for {self.person} to {self.unit}"


class UnitUserRight(UserObjectPermissionBase):
    """Guardian's row of a person's right on a unit; derived from grants, never edited."""

    content_object = models.ForeignKey(BusinessUnit, on_delete=models.CASCADE)


class UnitGroupRight(GroupObjectPermissionBase):
    """Guardian's row of a group's right on a unit; derived from grants, never edited."""

    content_object = models.ForeignKey(BusinessUnit, on_delete=models.CASCADE)


class RightsRevision(models.Model):
    """One row whose number is drawn anew with each change of rights, units or tokens: the caches' key."""

    number = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.number)


class ServiceAccount(AuditedModel):
    """A pipeline's identity: owned by a person, at home in one unit. The owner counts for separation of duties."""

    name = models.CharField(max_length=120, unique=True)
    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="service_account")
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="owned_accounts")
    unit = models.ForeignKey(BusinessUnit, on_delete=models.PROTECT, related_name="service_accounts")
    purpose = models.TextField(blank=True)
    repository = models.CharField(max_length=255, blank=True)  # evidence of grade "pipeline" is bound to it
    deactivated_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class ApiToken(AuditedModel):
    """A secret of a service account, kept as SHA-256 only; shown once, when it is made."""

    account = models.ForeignKey(ServiceAccount, on_delete=models.PROTECT, related_name="tokens")
    label = models.CharField(max_length=120)
    prefix = models.CharField(max_length=12, unique=True)
    secret_sha256 = models.CharField(max_length=64)
    scopes = models.JSONField(default=list)  # right names; a token never exceeds its account
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    # How many days before its end the owner was last told of it.
    reminded_days = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["account", "expires_at"])]

    def __str__(self) -> str:
        return f"{self.label} ({self.prefix}…)"


class TokenUse(models.Model):
    """When a token was last used; kept apart because it is no governed fact."""

    token = models.OneToOneField(ApiToken, on_delete=models.CASCADE, related_name="use")
    last_used_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.token_id} {self.last_used_at}"
