"""Deployments as a board: a column for each environment, beside the list of the same address."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.urls import reverse

from mlops_portal.foundation.web.filters import clean_query
from mlops_portal.foundation.web.pages import Page, visible
from mlops_portal.foundation.web.words import plural
from registry import filtersets, tones
from registry.behind import RequestBehind, tell_requests
from registry.gates import ClosedActs, closed_acts_of
from registry.models import Deployment
from registry.queries import board
from registry.states import CURRENT_DEPLOYMENT_STATES, DeploymentState, Provider
from registry.views.operations import DEPLOYMENT_ACTIONS, Act, acts_on

NARROWS_CARDS = ("q", "unit", "kind", "model")  # other filters choose columns alone


@dataclass(frozen=True, slots=True)
class Card:
    """One deployment on the board."""

    deployment: Deployment
    acts: list[Act]

    @property
    def behind(self) -> RequestBehind | None:
        """The request behind it."""
        return self.deployment.request_behind

    @property
    def phase(self) -> str:
        """What of its request still goes on while it serves."""
        watched = self.behind is not None and self.deployment.state == DeploymentState.LIVE
        return self.behind.phase if watched and self.behind else ""

    @property
    def tone(self) -> str:
        """Tone of its state; what is still watched is as unsettled as what is being executed."""
        return "info" if self.phase else tones.DEPLOYMENT[self.deployment.state]

    @property
    def word(self) -> str:
        """Its state in words, empty while it serves as usual."""
        if self.deployment.state == DeploymentState.LIVE:
            return self.phase
        return self.deployment.get_state_display()

    @property
    def is_unsettled(self) -> bool:
        """Tell whether it is being executed or still watched: such cards come first."""
        return self.deployment.state == DeploymentState.IN_PROGRESS or bool(self.phase)


@dataclass(frozen=True, slots=True)
class Column:
    """One environment with its cards."""

    lane: board.Lane
    cards: list[Card]
    every: str

    @property
    def counts(self) -> list[tuple[str, int]]:
        """How many stand there by state, in the order of the cards."""
        found = [(state.label.lower(), self.lane.totals.get(state, 0)) for state in CURRENT_DEPLOYMENT_STATES]
        return [(label, number) for label, number in found if number]

    @property
    def is_cut(self) -> bool:
        """Tell whether there is more than is shown."""
        return self.lane.total > len(self.cards)


class DeploymentBoard(Page):
    """What stands where now: what is being executed first, then what is suspended, then what serves."""

    queryset = Deployment.objects.all()
    template_name, fragment = "registry/board.html", "registry/board.html#swap"
    title, right = "Deployments", "registry.view"
    actions = DEPLOYMENT_ACTIONS

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the list."""
        return [("Deployments", reverse("registry:deployment-list")), ("Board", "")]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the board, or the part of it that a filter changes."""
        self.filterset = filtersets.BoardFilters(
            request.GET, queryset=visible(self.queryset, request.user), request=request
        )
        return self.answer(fragment=self.fragment)

    def more(self) -> Mapping[str, Any]:
        """Read the columns and what people may do with each card."""
        user, query = self.request.user, clean_query(self.request.GET)
        places = self.filterset.environments(board.open_environments(user))
        providers = board.by_provider(places)
        lanes = board.lanes_of(list(places.select_related("unit")[: board.COLUMNS]), self.filterset.qs)
        shown_rows = [row for lane in lanes for row in lane.deployments]
        tell_requests(user, shown_rows)
        closed = closed_acts_of(shown_rows)
        chips, total = self.filterset.chips(), sum(providers.values())
        shown, is_narrowed = sum(lane.total for lane in lanes), any(query.get(one) for one in NARROWS_CARDS)
        return {
            "view": "board",
            "query": query.urlencode(),
            "filterset": self.filterset,
            "facets": self.filterset.facets(),
            "chips": chips,
            "columns": [self._column(lane, closed, query) for lane in lanes],
            "others": _others(providers, query) if total > board.COLUMNS else [],
            "total": total,
            "count_text": f"{plural(total, 'environment')}, {plural(shown, 'deployment')}",
            "is_filtered": bool(chips) or is_narrowed,
            "is_narrowed": is_narrowed,
            "has_match": bool(shown) or not is_narrowed,
        }

    def _column(self, lane: board.Lane, closed: Mapping[int, ClosedActs], query: QueryDict) -> Column:
        cards = [self._card(row, closed.get(row.pk, {})) for row in lane.deployments]
        cards.sort(key=lambda card: not card.is_unsettled)
        every = query.copy()
        every.setlist("environment", [str(lane.environment.pk)])
        every.setlist("state", [str(state) for state in CURRENT_DEPLOYMENT_STATES])
        return Column(lane, cards, f"{reverse('registry:deployment-list')}?{every.urlencode()}")

    def _card(self, deployment: Deployment, closed: ClosedActs) -> Card:
        return Card(deployment, acts_on(deployment, user=self.request.user, closed=closed))


def _others(providers: Mapping[str, int], query: QueryDict) -> list[tuple[str, int, str]]:
    """Return ways to other columns: each place where environments run, how many there are, and its address."""
    found = []
    for provider, number in providers.items():
        narrowed = query.copy()
        narrowed.setlist("provider", [provider])
        found.append((Provider(provider).label, number, narrowed.urlencode()))
    return found if len(found) > 1 else []
