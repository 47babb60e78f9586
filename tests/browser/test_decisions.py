"""Decisions that are not a plain yes: a gate that blocks and its waiver, changes asked for, a rejection, the way back."""

import re
import uuid

from playwright.sync_api import expect

from tests.browser.pages import ChangePage, prove

REASON = "The affected group is small and is decided by hand until the next version; the risk is accepted until then."


def row(visitor, words):
    """Return the address of the request in the queue whose title holds these words."""
    link = visitor.open("/approvals/").page.locator(".queue a.title", has_text=words).first
    return link.get_attribute("href")


def light_request(visit, title, version):
    """File a request that one approver decides: a version of card fraud where it is not production."""
    requester = visit("tomas").open("/models/?q=card+fraud")
    requester.page.locator("#list th a").first.click()
    requester.follow(re.compile("Request a change"), exact=False)
    requester.fill(
        kind="Deploy", environment="bank-cloud-staging", title=title, purpose="Try the new features on staging.",
        rollback_plan="Put the version before back.",
    )  # fmt: skip
    requester.page.locator("#main [name='version'] option").nth(1).wait_for(state="attached")
    requester.page.locator("#main [name='version']").select_option(index=version)
    requester.press("Save the draft and run the gates").press("File")
    expect(requester.page.locator("h1")).to_have_text(title)
    return requester, requester.path


def test_a_blocked_gate_explains_itself_and_a_waiver_opens_it(visit):
    officer = visit("ines")
    address = row(officer, "Retail Credit PD")
    change = ChangePage(officer, address)
    expect(change.bar).to_contain_text("block")
    approve = change.bar.get_by_role("button", name=re.compile("Approve")).first
    expect(approve).to_have_attribute("aria-disabled", "true")
    expect(approve).to_contain_text("FAIR-01")
    gate = officer.page.locator(".gates li", has_text="FAIR-01").first
    expect(gate).to_contain_text("Age 18 to 25")

    officer.open("/approvals/").follow(re.compile("FAIR-01"), exact=False)
    officer.fill(grant="true", note=REASON)
    prove(officer, officer.page.locator("#action-form"), button="Sign the decision")
    gate = officer.open(address).page.locator(".gates li", has_text="FAIR-01").first
    expect(gate).to_contain_text(re.compile("waive", re.IGNORECASE))
    expect(change.bar).not_to_contain_text("FAIR-01")


def test_changes_are_asked_for_answered_and_filed_again(visit):
    title = f"Staging {uuid.uuid4().hex[:6]}"
    requester, address = light_request(visit, title, 1)
    ChangePage(visit("mirela"), address).decide("Request changes", items="Say who tests it.")
    requester.open(f"{address}edit/")
    expect(requester.page.locator("#main")).to_contain_text("Say who tests it.")
    requester.fill(
        what_changed="Tested by the platform team.", purpose="The platform team tries the new features."
    )
    requester.press("Save and run the gates").press("File again")
    expect(requester.page.locator(".page-head")).to_contain_text("Revision 2")


def test_a_rejection_ends_the_round_and_is_named_when_filed_anew(visit):
    title = f"Staging {uuid.uuid4().hex[:6]}"
    requester, address = light_request(visit, title, 2)
    ChangePage(visit("dana"), address).decide(
        "Reject", "Staging is closed for this model until the audit is over."
    )
    requester.open(address)
    expect(requester.page.locator(".page-head")).to_contain_text("Rejected")
    expect(requester.page.locator("#main")).to_contain_text("Staging is closed for this model")


def test_an_operator_rolls_back_with_one_signature(visit):
    operator = visit("omar")
    offered = None
    rows = operator.open("/deployments/?state=live").page.locator("#list a[href^='/deployments/']").all()
    for address in [one.get_attribute("href") for one in rows[:10]]:
        operator.open(f"{address}roll-back/")
        if operator.page.get_by_role("button", name=re.compile("Sign and roll back to")).count():
            offered = address
            break
    assert offered, "no deployment of the portfolio has a way back"
    operator.fill(reason="Calls fail since the release; back to what served before.")
    form = operator.page.locator("#action-form")
    prove(operator, form, button=re.compile("Sign and roll back to"))
    expect(operator.page.locator("h1")).to_contain_text(re.compile("Roll back", re.IGNORECASE))
    expect(operator.page.locator("#main")).to_contain_text("Omar Celik")
