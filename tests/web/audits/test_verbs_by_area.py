"""The filter of acts in the ledger names every act that programs declare, once and under a heading."""

from audits.views.ledger import verbs_by_area
from mlops_portal.foundation.events import verbs


def test_every_act_is_offered_once_under_an_area():
    offered = [name for _, acts in verbs_by_area() for _, name in acts]
    assert sorted(offered) == sorted(verb.name for verb in verbs())
    assert all(acts == sorted(acts) and acts for _, acts in verbs_by_area())
