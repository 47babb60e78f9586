"""Administration: who may do what, where, until when."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.html import format_html_join

from mlops_portal.foundation.administration import forms, queries, tables
from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.people.models import ApiToken, BusinessUnit, RoleGrant, ServiceAccount, User
from mlops_portal.foundation.people.rights import label_of, rights_of
from mlops_portal.foundation.people.roles import ROLES
from mlops_portal.foundation.people.services import grants, persons, tokens, units
from mlops_portal.foundation.people.services.access import access_to_decide
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web import cells
from mlops_portal.foundation.web.exports import rows_response
from mlops_portal.foundation.web.filters import ChoiceFacet, Filters, OneOfFacet, SearchFilter
from mlops_portal.foundation.web.pages import Action, ActionPage, CreatePage, DetailPage, ListPage, Page
from mlops_portal.foundation.web.tables import Column, Table

HERE = (("Administration", "/admin/people/"),)


def _where(grant: RoleGrant) -> str:
    """Name where a role is held, or will be."""
    where = str(grant.unit or "one model")
    return where if grant.is_effective else f"{where}, waits for a second person"


def _role(grant: RoleGrant) -> str:
    return f"{ROLES[grant.role].label} on {_where(grant)}"


def _roles(value: Any, row: User) -> Any:
    shown = ((ROLES[grant.role].label, _where(grant)) for grant in row.grants.all())
    return format_html_join("", "<div>{} <small>{}</small></div>", shown) or cells.absent()


class PeopleTable(Table):
    """People and their roles."""

    default_sort = "name"
    name = Column(
        "Person",
        header=True,
        sort="name",
        link=lambda row: reverse("administration:person", args=[row.pk]),
        note="job_title",
    )
    roles = Column(
        "Roles",
        accessor="pk",
        cell=_roles,
        export=lambda row: "; ".join(map(_role, row.grants.all())),
    )
    email = Column("E-mail", sort="email")
    is_active = Column("Active", cell=lambda value, row: "yes" if value else "deactivated")
    last_login = Column("Last sign-in", cell=cells.when)


class PeopleFilters(Filters):
    """Facets of people."""

    q = SearchFilter(["name", "email", "job_title"], label="Name or e-mail")
    role = ChoiceFacet("Role", choices=[(role.name, role.label) for role in ROLES.values()], method="by_role")
    active = OneOfFacet(
        "Active", choices=[("true", "Active"), ("false", "Deactivated")], field_name="is_active"
    )

    class Meta:
        model = User
        fields: list[str] = []

    def by_role(self, rows: QuerySet, name: str, values: list[str]) -> QuerySet:
        """People who hold one of the roles now."""
        if not values:
            return rows
        holders = RoleGrant.objects.filter(role__in=values, is_effective=True).values("user_id")
        return rows.filter(pk__in=holders)


class PeopleList(ListPage):
    """Everybody, with roles and units."""

    queryset = User.objects.all()
    filterset_class, table_class = PeopleFilters, PeopleTable
    title, noun, nouns, right = (
        "People and roles",
        "person",
        "people",
        ("people.grant", "people.manage_accounts"),
    )
    exports = ("csv", "xlsx")
    template_name = "administration/people.html"
    actions = (
        Action("Roles and rights", "administration:roles", right="people.view", icon="policy"),
        Action("Units", "administration:units", right="people.view", icon="users"),
        Action("Service accounts", "administration:accounts", right="people.manage_accounts", icon="lock"),
        Action(
            "Add a person",
            "administration:person-create",
            right="people.manage_accounts",
            icon="plus",
            primary=True,
        ),
    )

    def get_queryset(self) -> QuerySet:
        """People with their grants in one more statement."""
        return queries.people()

    def more(self) -> Mapping[str, Any]:
        """Add what waits for a second person, and for a decision."""
        reader = self.request.user
        return {
            **super().more(),
            "waiting": queries.grants_to_confirm(reader),
            "revocations": queries.revocations_to_confirm(reader),
            "asked": [(one, label_of(one.right)) for one in access_to_decide(reader)],
        }


class PersonDetail(DetailPage):
    """One person's roles, now and before."""

    queryset = User.objects.filter(kind=User.Kind.PERSON).select_related("line_manager")
    template_name, object_name = "administration/person.html", "person"
    right = ("people.grant", "people.manage_accounts")
    crumbs = HERE

    def more(self) -> Mapping[str, Any]:
        """Read all grants."""
        rows = RoleGrant.objects.filter(user=self.object).select_related(
            "unit", "granted_by", "confirmed_by", "revoked_by", "revocation_asked_by"
        )
        held, reader = list(rows.order_by("revoked_at", "-pk")), self.request.user
        able = queries.second_people([grant for grant in held if grants.is_waiting(grant, self.now)])
        return {
            "grants": [
                (
                    grant,
                    ROLES[grant.role],
                    grant.pk in able,
                    queries.confirmers_of(grant, able[grant.pk], reader=reader) if grant.pk in able else "",
                    reader in able.get(grant.pk, ()),
                )
                for grant in held
            ]
        }


class PersonCreate(CreatePage):
    """Add a person; they set a password through sign-in."""

    form_class, right = forms.PersonEntry, "people.manage_accounts"
    title, submit, crumbs = "Add a person", "Add person", HERE

    def act(self, *, by: Any, now: datetime, **data: Any) -> User:
        """Create."""
        return persons.person_create(by=by, now=now, **data)

    def done(self, result: User) -> tuple[str, str]:
        """Show the person, to give a role."""
        url = reverse("administration:person", args=[result.pk])
        return f"{result.name} is added. Grant a role, then invite.", url


class PersonAction(ActionPage):
    """An act on a person."""

    queryset, object_name = User.objects.filter(kind=User.Kind.PERSON), "person"
    crumbs = HERE

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the person."""
        url = reverse("administration:person", args=[self.object.pk])
        return [*HERE, (self.object.name, url), (self.get_title(), "")]

    def done(self, result: Any) -> tuple[str, str]:
        """Return to the person."""
        return self.told_of(result), reverse("administration:person", args=[self.object.pk])


class PersonGrant(PersonAction):
    """Give a role."""

    form_class, right = forms.Grant, "people.grant"
    title, submit = "Grant a role to {object}", "Grant the role"

    def form_kwargs(self) -> dict[str, Any]:
        """Offer only units the reader may grant on."""
        return {"user": self.request.user}

    def act(self, *, by: Any, now: datetime, **data: Any) -> RoleGrant:
        """Grant."""
        return grants.role_grant(user=self.object, by=by, now=now, **data)

    def done(self, result: RoleGrant) -> tuple[str, str]:
        """Say whether it works already."""
        waits = "" if result.is_effective else " It takes effect when a second person confirms it."
        return f"{ROLES[result.role].label} granted.{waits}", reverse(
            "administration:person", args=[self.object.pk]
        )


class PersonDeactivate(PersonAction):
    """End access at once."""

    told = "{object} is deactivated and signs in no more."
    form_class, right, danger = forms.Reason, "people.manage_accounts", True
    title, submit = "Deactivate {object}", "Deactivate {object}"

    def blockers(self) -> list[Blocker]:
        """An administrator's role is revoked first, by two."""
        return persons.deactivation_blockers(self.object, by=self.request.user)

    def act(self, *, by: Any, now: datetime, **data: Any) -> User:
        """Deactivate."""
        return persons.person_deactivate(person=self.object, by=by, now=now, **data)


class PersonInvite(PersonAction):
    """Make the link with which a person sets a password; shown once, on the answer to this form."""

    right, title, submit = "people.manage_accounts", "Invite {object}", "Make the link"
    template_name = "administration/invitation.html"
    link = ""

    def act(self, *, by: Any, now: datetime, **data: Any) -> str:
        """Make the link."""
        return persons.person_invite(person=self.object, by=by, now=now)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer with the link instead of redirecting, so that it is never stored."""
        response = super().post(request, *args, **kwargs)
        if not self.link:
            return response
        shown = self.answer(status=200)
        shown["Cache-Control"] = "no-store"
        return shown

    def done(self, result: str) -> tuple[str, str]:
        """Keep the link for this answer only."""
        self.link = self.request.build_absolute_uri(result)
        return "", reverse("administration:person", args=[self.object.pk])

    def more(self) -> Mapping[str, Any]:
        """Show the link."""
        return {"link": self.link}


class GrantAction(ActionPage):
    """An act on a grant."""

    queryset = RoleGrant.objects.select_related("user", "unit", "granted_by")
    object_name, right = "grant", "people.grant"

    def find(self) -> RoleGrant:
        """Find a grant on one of the reader's units."""
        grant = super().find()
        reader = self.request.user
        if not grants.grants_there(reader, unit_id=grant.unit_id, model_id=grant.model_id):
            raise NotFound(f"There is no grant {grant.pk} that you can see.")
        return grant

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the person."""
        url = reverse("administration:person", args=[self.object.user_id])
        return [*HERE, (str(self.object.user), url), (self.get_title(), "")]

    def done(self, result: RoleGrant) -> tuple[str, str]:
        """Return to the person."""
        return self.told_of(result), reverse("administration:person", args=[result.user_id])


class GrantConfirm(GrantAction):
    """Confirm a role as the second person."""

    title, submit, form_class = "Confirm: {object}", "Confirm the role", forms.SecondPerson
    template_name = "administration/confirmation.html"

    def get_title(self) -> str:
        """Name role and person in words."""
        return f"Confirm: {ROLES[self.object.role].label.lower()} for {self.object.user}"

    @property
    def second_submit(self) -> tuple[str, str] | None:
        """Offer to decline while there is something to decline."""
        settled = grants.second_person_blockers(self.object, by=self.request.user, now=self.now)
        return None if settled else ("decline", "Decline the role")

    def blockers(self) -> list[Blocker]:
        """Say what stands against confirming."""
        return grants.confirmation_blockers(self.object, by=self.request.user, now=self.now)

    def act(self, *, by: Any, now: datetime, **data: Any) -> RoleGrant:
        """Confirm or decline."""
        if "decline" in self.request.POST:
            return grants.grant_decline(grant=self.object, reason=data["reason"], by=by, now=now)
        return grants.grant_confirm(grant=self.object, by=by, now=now)

    def done(self, result: RoleGrant) -> tuple[str, str]:
        """Return to the person."""
        said = "declined; the person who granted it is told" if result.decline_reason else "confirmed"
        url = reverse("administration:person", args=[result.user_id])
        return f"{ROLES[result.role].label} for {result.user}: {said}.", url

    def more(self) -> Mapping[str, Any]:
        """Say what the role is, where it reaches, and what the person holds beside it."""
        return queries.grant_facts(self.object)


class GrantRevoke(GrantAction):
    """Take a role away; an administrator's in two steps by two people, on the same page."""

    queryset = RoleGrant.objects.select_related("user", "unit", "revocation_asked_by")
    form_class, danger = forms.Reason, True
    title, template_name = "Revoke: {object}", "administration/revoke.html"

    def prepare(self) -> None:
        """Find out who asked for it, and whether the reader would be the second person."""
        super().prepare()
        reader = self.request.user
        self.asker = grants.revocation_asker(self.object)
        self.by_two = grants.needs_second_to_revoke(self.object, by=reader)
        self.asks = self.by_two and self.asker is None
        # The holder agrees or leaves it; to decline would let one person undo what two may do.
        may_keep = self.asker is not None and self.object.user_id != reader.pk
        self.second_submit = ("keep", "Keep the role") if may_keep else None

    def get_submit(self) -> str:
        """Say whether this click ends the role."""
        return "Ask for the revocation" if self.asks else "Revoke the role"

    def blockers(self) -> list[Blocker]:
        """Whoever asked waits for another."""
        if not (self.by_two and self.asker == self.request.user):
            return []
        able = queries.revokers_of(self.object, asker=self.asker)
        return [Blocker("same_person", "You asked for this; a second person revokes the role.", able)]

    def act(self, *, by: Any, now: datetime, **data: Any) -> RoleGrant:
        """Revoke, ask for it, or keep the role."""
        if "keep" in self.request.POST:
            return grants.revocation_decline(grant=self.object, by=by, now=now, **data)
        return grants.grant_revoke(grant=self.object, by=by, now=now, **data)

    def done(self, result: RoleGrant) -> tuple[str, str]:
        """Say whether the role ended."""
        _, url = super().done(result)
        if result.revoked_at is not None:
            is_own = result.user_id == self.request.user.pk  # without it they may not open this page any more
            return "The role is revoked.", reverse("home") if is_own else url
        if result.revocation_asked_at is None:
            return "The role is kept.", url
        return "The revocation is asked for. The role ends when a second person revokes it, too.", url

    def more(self) -> Mapping[str, Any]:
        """Tell before the click who else is needed."""
        second = queries.revokers_of(self.object, asker=self.request.user) if self.asks else ""
        return {"asker": self.asker, "asks": self.asks, "second": second}


class Roles(Page):
    """Roles × rights, and which roles may not meet in one person."""

    title, template_name, right, crumbs = "Roles and rights", "administration/roles.html", "people.view", HERE

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the matrix, or a file with it."""
        if kind := request.GET.get("export", ""):
            every = [column.name for column in tables.MatrixTable.declared]
            table, rows = tables.MatrixTable(shown=every), queries.role_matrix()["rows"]
            about, title = "roles and rights", self.title
            return rows_response(request, kind, rows, table, title=title, about=about, now=self.now)
        return super().get(request, *args, **kwargs)

    def more(self) -> Mapping[str, Any]:
        """Build the matrix."""
        matrix = queries.role_matrix()
        return {**matrix, "table": tables.MatrixTable(matrix["rows"])}


class Units(Page):
    """The tree of business units."""

    title, template_name, right, crumbs = "Business units", "administration/units.html", "people.view", HERE
    actions = (
        Action(
            "Add a unit", "administration:unit-create", right="people.manage_units", icon="plus", primary=True
        ),
    )

    def more(self) -> Mapping[str, Any]:
        """Read the tree."""
        return {"units": queries.unit_tree(self.request.user)}


class UnitCreate(CreatePage):
    """Add a unit."""

    form_class, right = forms.UnitEntry, "people.manage_units"
    title, submit = "Add a unit", "Add unit"
    crumbs = (*HERE, ("Business units", "/admin/units/"))

    def form_kwargs(self) -> dict[str, Any]:
        """Offer only units the reader may manage."""
        return {"user": self.request.user}

    def act(self, *, by: Any, now: datetime, **data: Any) -> BusinessUnit:
        """Create."""
        return units.unit_create(by=by, now=now, **data)

    def done(self, result: BusinessUnit) -> tuple[str, str]:
        """Show the tree."""
        return f"{result.name} is added.", reverse("administration:units")


class UnitEdit(ActionPage):
    """Rename a unit or name its head."""

    queryset, object_name, right = BusinessUnit.objects.all(), "unit", "people.manage_units"
    form_class, title, submit = forms.UnitEdit, "Edit {object}", "Save the unit"
    crumbs = (*HERE, ("Business units", "/admin/units/"))

    def initial(self) -> dict[str, Any]:
        """Start with what is."""
        return {"name": self.object.name, "head": self.object.head}

    def act(self, *, by: Any, now: datetime, **data: Any) -> BusinessUnit:
        """Save."""
        return units.unit_update(unit=self.object, by=by, now=now, **data)

    def done(self, result: BusinessUnit) -> tuple[str, str]:
        """Show the tree."""
        return f"{result.name} is saved.", reverse("administration:units")


class Accounts(Page):
    """Service accounts and their tokens."""

    title, template_name = "Service accounts", "administration/accounts.html"
    right, crumbs = "people.manage_accounts", HERE
    actions = (
        Action(
            "Add a service account",
            "administration:account-create",
            right="people.manage_accounts",
            icon="plus",
            primary=True,
        ),
    )

    def more(self) -> Mapping[str, Any]:
        """Read accounts of the reader's units."""
        accounts = list(queries.accounts(self.request.user).order_by("name")[:500])
        for token in (token for account in accounts for token in account.tokens.all()):
            token.scopes_told = [(name, label_of(name)) for name in token.scopes]
        return {"accounts": accounts, "now": self.now}


class AccountCreate(CreatePage):
    """Add a pipeline's identity."""

    form_class, right = forms.AccountEntry, "people.manage_accounts"
    title, submit = "Add a service account", "Add service account"
    crumbs = (*HERE, ("Service accounts", "/admin/accounts/"))

    def form_kwargs(self) -> dict[str, Any]:
        """Offer only units the reader may manage."""
        return {"user": self.request.user}

    def act(self, *, by: Any, now: datetime, **data: Any) -> ServiceAccount:
        """Create."""
        return tokens.account_create(by=by, now=now, **data)

    def done(self, result: ServiceAccount) -> tuple[str, str]:
        """Return to the list, to give a role and make a token."""
        return f"{result.name} is added. Give it a role, then make a token.", reverse(
            "administration:accounts"
        )


class AccountAction(ActionPage):
    """An act on a service account."""

    queryset = ServiceAccount.objects.select_related("user", "unit", "owner")
    object_name, right = "account", "people.manage_accounts"
    crumbs = (*HERE, ("Service accounts", "/admin/accounts/"))

    def find(self) -> ServiceAccount:
        """Find an account of one of the reader's units."""
        account = super().find()
        if not rights_of(self.request.user).has("people.manage_accounts", unit_id=account.unit_id):
            raise NotFound(f"There is no service account {account.pk} that you can see.")
        return account

    def done(self, result: Any) -> tuple[str, str]:
        """Return to the list."""
        return self.told_of(result), reverse("administration:accounts")


class AccountGrant(AccountAction):
    """Give the account a role in its unit."""

    told = "{object} has the role."
    form_class, title, submit = forms.AccountRole, "Role of {object}", "Grant the role"

    def act(self, *, by: Any, now: datetime, **data: Any) -> RoleGrant:
        """Grant."""
        return grants.role_grant(user=self.object.user, unit=self.object.unit, by=by, now=now, **data)


class AccountHandOver(AccountAction):
    """Name another owner."""

    told = "{object} has another owner, who is told."
    form_class, title, submit = forms.AccountOwner, "Hand over {object}", "Change the owner"
    lede = "What the account did until now still counts as the earlier owner's. Both are told."

    def act(self, *, by: Any, now: datetime, **data: Any) -> ServiceAccount:
        """Hand over."""
        return tokens.account_hand_over(account=self.object, by=by, now=now, **data)


class TokenCreate(AccountAction):
    """Make a token; the secret is shown once, on the answer to this form, and stored nowhere."""

    form_class, title, submit = forms.TokenEntry, "New token of {object}", "Make token"
    lede = "Whoever makes a token counts like the owner: you do not decide on what the account does."
    template_name = "administration/token.html"
    secret = ""

    def blockers(self) -> list[Blocker]:
        """Say which roles may not meet in whoever would hold the token."""
        return grants.account_blockers(self.object, person=self.request.user, now=self.now)

    def act(self, *, by: Any, now: datetime, **data: Any) -> tokens.NewToken:
        """Make."""
        return tokens.token_create(account=self.object, by=by, now=now, **data)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer with the secret instead of redirecting, so that it is never stored."""
        response = super().post(request, *args, **kwargs)
        if not self.secret:
            return response
        shown = self.answer(status=200)
        shown["Cache-Control"] = "no-store"
        return shown

    def done(self, result: tokens.NewToken) -> tuple[str, str]:
        """Keep the secret for this answer only."""
        self.secret = result.secret
        return "", reverse("administration:accounts")

    def more(self) -> Mapping[str, Any]:
        """Show the secret; before it is made, what the account may do today."""
        held = queries.roles_of_account(self.object)
        return {"secret": self.secret, "roles": [ROLES[name].label for name in held]}


class TokenRevoke(ActionPage):
    """End a token at once."""

    queryset = ApiToken.objects.select_related("account")
    object_name, right = "token", "people.manage_accounts"
    form_class, danger = forms.Reason, True
    title, submit = "Revoke {object}", "Revoke the token"
    crumbs = (*HERE, ("Service accounts", "/admin/accounts/"))

    def find(self) -> ApiToken:
        """Find a token of one of the reader's units."""
        token = super().find()
        if not rights_of(self.request.user).has("people.manage_accounts", unit_id=token.account.unit_id):
            raise NotFound(f"There is no token {token.pk} that you can see.")
        return token

    def act(self, *, by: Any, now: datetime, **data: Any) -> ApiToken:
        """Revoke."""
        return tokens.token_revoke(token=self.object, by=by, now=now, **data)

    def done(self, result: ApiToken) -> tuple[str, str]:
        """Return to the list."""
        return f"{result.label} is revoked.", reverse("administration:accounts")
