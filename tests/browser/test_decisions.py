"""Decisions that are not a plain yes: a gate that blocks and its waiver, changes asked for, a rejection, the way back.

Each begins with what the services made (`scenes.py`) and plays only its own turn in the browser.
"""

import re

from playwright.sync_api import expect

from tests.browser.pages import ChangePage, SignDialog, prove

RISK = "The desk answers by hand until the runbook is written; accepted for this version only."


def test_a_waiver_opens_a_blocked_gate_and_the_signature_accepts_the_risk(visit, scenes):
    address = scenes["blocked"]["change"]
    requester = ChangePage(visit("tomas"), address)
    requester.visitor.follow("Ask for a waiver", within=requester.bar, exact=False)
    requester.visitor.fill(
        gate="OPS-01",
        reason="The manual fallback is written with the desk by the end of the month.",
        compensating_control="A developer is on call day and night.",
        valid_until=requester.visitor.in_days(20),
    ).press("Ask for the waiver")

    officer = visit("ines").open("/approvals/")
    officer.follow(re.compile("OPS-01"), exact=False)
    officer.page.get_by_role("link", name="Grant").click()
    dialog = SignDialog(officer)
    expect(dialog.form).to_contain_text("You sign as: accept risk")
    dialog.write(RISK).sign("Sign and grant the waiver")
    expect(officer.page.locator("h1")).to_contain_text("Receipt: waiver of OPS-01 granted")
    officer.open(address)
    gate = officer.page.locator(".gates li", has_text="OPS-01").first
    expect(gate).to_contain_text(re.compile("waived", re.IGNORECASE))

    ChangePage(visit("hanne"), address).decide("Accept")
    approver = ChangePage(visit("mirela"), address)
    expect(approver.bar).to_contain_text("you sign “accept risk”")
    dialog = approver.start_deciding("Approve")
    expect(dialog.form).to_contain_text("You sign as: accept risk")
    expect(dialog.form).to_contain_text("relying on the waiver of OPS-01")
    dialog.write().sign("Sign and approve")
    expect(approver.page.locator("#main")).to_contain_text("Accept risk", ignore_case=True)


def test_changes_are_asked_for_answered_and_filed_again(visit, scenes):
    address = scenes["accepted"]["change"]
    ChangePage(visit("mirela"), address).decide("Request changes", items="Say who tests it.")

    requester = ChangePage(visit("tomas"), address)
    requester.visitor.follow("Edit and file again", within=requester.bar)
    expect(requester.page.locator("#main")).to_contain_text("Say who tests it.")
    requester.visitor.fill(purpose="The platform team tries the new features for a week.")
    requester.visitor.field("Say who tests it.").fill("Joy Okonjo tests it with the platform team.")
    requester.visitor.press("Save and run the gates").press("File again")
    expect(requester.page.locator(".page-head")).to_contain_text("Revision 2")
    approvals = requester.page.locator("#stages")
    expect(approvals).to_contain_text("Hanne Moller")
    expect(approvals).to_contain_text("void")


def test_a_rejection_ends_the_round_and_comes_first_when_filed_anew(visit, scenes):
    address = scenes["light"]["change"]
    reason = "Staging is closed for this model until the audit of its data is over."
    ChangePage(visit("dana"), address).decide("Reject", reason)

    requester = ChangePage(visit("tomas"), address)
    expect(requester.page.locator(".page-head")).to_contain_text("Rejected")
    expect(requester.page.locator("#main")).to_contain_text(reason)
    requester.visitor.follow("File anew", within=requester.bar)
    requester.visitor.fill(purpose="The audit is over; the finding is closed.").press("Save the draft")
    requester.visitor.fill(what_changed="The audit is over: its one finding is closed.")
    requester.visitor.press("Save and run the gates").press("File")
    again = ChangePage(visit("dana"), requester.visitor.path)
    earlier = again.page.locator(".callout", has_text="An earlier request was rejected")
    expect(earlier).to_contain_text("its one finding is closed")
    expect(earlier.get_by_role("link", name="Show it")).to_have_attribute("href", address)


def test_an_operator_rolls_back_with_one_signature(visit, scenes):
    operator = visit("omar").open(scenes["running"]["deployment"])
    operator.follow("Roll back", exact=False)
    operator.fill(reason="Calls fail since the release; back to what served before.")
    prove(operator, operator.page.locator("#action-form"), button="Sign and roll back to 1")
    expect(operator.page.locator("h1")).to_contain_text(re.compile("Roll back", re.IGNORECASE))
    ChangePage(operator, operator.path).watch_until("Completed")
