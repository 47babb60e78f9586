"""The main job, end to end: a model becomes a signed, deployed, provable release."""

import re
import subprocess
import sys
import uuid
import zipfile

from playwright.sync_api import expect

from tests.browser.pages import ChangePage, prove, registering

SUMMARY = (
    "Concept, data, outcomes and implementation were examined; the results were reproduced on held-out data."
)


def registered_and_rated(visit):
    """Return the addresses of a complete model of tier 1 and of its version."""
    name = f"instalment-{uuid.uuid4().hex[:8]}"
    developer, owner, officer = visit("tomas"), visit("hanne"), visit("ines")
    model = registering.register_model(developer, name=name, title="Instalment default")
    expect(developer.open(model).page.locator("h1")).to_have_text("Instalment default")

    registering.rate_and_limit(owner, model)
    expect(owner.open(model).page.locator("#main")).to_contain_text("Awaiting approval")

    officer.open(f"{model}risk/").follow("Decide").fill(approve="true", note="As answered.").press("Decide")
    expect(officer.page.locator("h1 + .meta")).to_contain_text("Tier 1")
    officer.follow("Lock").press("Lock the limits")
    expect(officer.page.locator("#main")).to_contain_text("Locked")

    version = registering.register_version(developer, model, digest=uuid.uuid4().hex * 2)
    document = registering.write_documents(developer, model)
    owner.open(document).follow("Approve").press("Approve this edition")
    owner.open(model).follow("Attest the record").press("The record is right as it stands")
    return model, version


def validate(validator, version):
    """Let the validator check the evidence and sign the validation."""
    validator.open(version).follow("Attest the evidence").press("I checked it: attest")
    validator.open(version).follow(re.compile("Validate"), exact=False)
    validator.fill(scope="All of it.").press("Open the validation")
    validator.follow("Conclude")
    validator.fill(
        components=["conceptual_soundness", "outcomes_analysis", "data_review", "implementation_check"],
        outcome="approved", summary=SUMMARY, has_no_conflict=True,
    )  # fmt: skip
    validator.page.get_by_role("button", name="Review what you sign").click()
    expect(validator.page.locator("#sign-form")).to_contain_text("No conflict of interest")
    prove(validator, validator.page.locator("#sign-form"), button="Sign and conclude")
    expect(validator.page.locator("#main")).to_contain_text("Signed as")


def file_release(developer, version):
    """File the request to deploy the version; return its address."""
    developer.open(version).follow(re.compile("Request"), exact=False)
    developer.fill(
        kind="Deploy", environment="bank-dc-prod", purpose="First release of the instalment model.",
        rollback_plan="The desk decides by the earlier rules, as the runbook describes.",
    )  # fmt: skip
    developer.press("Save the draft and run the gates")
    expect(developer.page.get_by_label("Gates and filing")).to_contain_text("What is required is there")
    developer.press("File")
    expect(developer.page.locator("#main")).to_contain_text("Owner's acceptance")
    return developer.path


def test_a_model_becomes_a_signed_deployed_and_provable_release(visit, tmp_path):
    _, version = registered_and_rated(visit)
    validate(visit("samuel"), version)
    change = file_release(visit("tomas"), version)

    turns = {"hanne": "Accept", "samuel": "Validate", "ines": "Approve", "dana": "Approve"}
    for decider, label in turns.items():
        page = ChangePage(visit(decider), change)
        expect(page.bar).to_contain_text("No blocking gate fails")
        page.decide(label)

    operator = ChangePage(visit("omar"), change)
    operator.visitor.follow("Start now", within=operator.bar, exact=False).press(re.compile("Start CR-"))
    operator.watch_until("Verifying")

    manager = visit("karin").open("/kpis/deployment_frequency/?period=today")
    expect(manager.page.locator("#main")).to_contain_text("instalment-")
    prove_offline(visit("ruth"), change, tmp_path)


def prove_offline(auditor, change, folder):
    """Make the evidence pack as a job, download it, and verify it with the program inside it, offline."""
    auditor.open(f"{change}evidence-pack/").press("Make the evidence pack")
    link = auditor.page.locator(".job").first.get_by_role("link", name=re.compile("Download"))
    expect(link).to_be_visible(timeout=60_000)
    with auditor.page.expect_download() as taken:
        link.click()
    pack = folder / "pack.zip"
    taken.value.save_as(pack)
    with zipfile.ZipFile(pack) as archive:
        program = next(name for name in archive.namelist() if name.endswith("verify.py"))
        (folder / "verify.py").write_bytes(archive.read(program))
    key = folder / "ledger-public-key.pem"
    key.write_bytes(auditor.page.request.get("/audit/public-key/").body())

    def run(*arguments):
        asked = [sys.executable, "-I", str(folder / "verify.py"), str(pack), *arguments]
        return subprocess.run(asked, capture_output=True, text=True, cwd=folder)

    fingerprint = auditor.open("/audit/").page.get_by_label("Copy checkpoint key").get_attribute("data-copy")
    for trusted in (str(key), fingerprint):
        proved = run("--key", trusted)
        assert proved.returncode == 0, proved.stdout + proved.stderr
        assert "VERIFIED" in proved.stdout
    assert run().returncode == 3
    assert run("--key", "0" * 64).returncode == 1
