"""The main pages, and who looks at them."""

COMMON = (
    "/",
    "/models/",
    "/deployments/",
    "/changes/",
    "/policies/",
    "/search/?q=credit",
    "/notifications/",
    "/profile/",
)
OF_PERSONA = {
    "ines": ("/approvals/", "/kpis/", "/audit/", "/ledger/", "/exports/"),
    "tomas": ("/approvals/mine/", "/changes/new/", "/models/register/"),
    "hanne": ("/approvals/", "/imports/"),
    "samuel": ("/approvals/",),
    "dana": ("/approvals/",),
    "omar": ("/environments/",),
    "karin": ("/kpis/", "/kpis/targets/", "/kpis/lead_time/"),
    "ruth": ("/audit/", "/audit/as-of/", "/ledger/", "/exports/"),
    "admin": ("/admin/people/", "/admin/roles/", "/admin/units/", "/admin/accounts/"),
}


def of_records(visitor):
    """Return the addresses of one record of each kind, found by following lists as this person sees them."""
    first = "() => [...document.querySelectorAll('#list th a')].map((one) => one.getAttribute('href'))[0]"
    found = []
    for place in ("/models/", "/deployments/", "/changes/?state=in_review"):
        address = visitor.open(place).page.evaluate(first)
        found += [address] if address else []
    model = next((one for one in found if one.startswith("/models/")), None)
    if model:
        parts = ("", "versions/", "documents/", "risk/", "lineage/", "changes/", "validations/", "history/")
        found += [model + part for part in (*parts, "versions/1/", "compare/?v=1&v=2")[1:]]
    return found
