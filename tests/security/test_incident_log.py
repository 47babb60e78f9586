"""The log of incidents holds errors of the portal; nobody fills it by asking for what does not exist."""

import logging

import pytest

pytestmark = pytest.mark.django_db


def test_what_does_not_exist_and_what_needs_a_fresh_sign_in_is_no_incident(ada, as_person, caplog):
    client = as_person(ada)
    with caplog.at_level(logging.ERROR, logger="mlops_portal.web"):
        assert client.get("/accounts/2fa/recovery-codes/").status_code == 404
        assert client.get("/accounts/2fa/totp/deactivate/").status_code == 302
    assert not [record for record in caplog.records if record.name == "mlops_portal.web"]
