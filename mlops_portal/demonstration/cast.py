"""Who plays: the units of Aldermoor Group, its people, and the personas that a visitor may become."""

from collections.abc import Mapping
from dataclasses import dataclass

PASSWORD = "aldermoor shows its work"  # noqa: S105  (the demonstration's own; its people exist nowhere else)
GROUP = "group"
UNITS: Mapping[str, str] = {
    "retail-lending": "Retail Lending",
    "cards-payments": "Cards & Payments",
    "treasury-markets": "Treasury & Markets",
    "financial-crime": "Financial Crime",
    "plant-operations": "Plant Operations",
    "supply-chain": "Supply Chain",
    "after-sales": "After-sales Service",
}
BANK = ("retail-lending", "cards-payments", "treasury-markets", "financial-crime")
INDUSTRY = ("plant-operations", "supply-chain", "after-sales")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody of the group. ``roles`` maps a role to the units it is held on."""

    key: str
    name: str
    title: str
    roles: Mapping[str, tuple[str, ...]]
    persona: str = ""  # the heading under which the sign-in page offers this person
    comes_to: str = ""
    manager: str = ""
    signs: bool = True

    @property
    def email(self) -> str:
        """The address this person signs in with."""
        return f"{self.name.lower().replace(' ', '.')}@aldermoor.example"


EVERYWHERE = (GROUP,)
BOTH_BANK_AND_PLANT = ("retail-lending", "cards-payments", "financial-crime", "plant-operations")

PEOPLE: tuple[Person, ...] = (
    Person(
        key="admin",
        name="Edda Kranz",
        title="Portal administrator",
        roles={"administrator": EVERYWHERE},
        persona="Administrator",
        comes_to="roles by unit, accounts, environments",
        signs=False,
    ),
    Person(
        key="ines",
        name="Ines Halvorsen",
        title="Head of model risk",
        roles={"risk_officer": EVERYWHERE},
        persona="Risk officer",
        comes_to="decide on releases of the whole group",
    ),
    Person(
        key="mirela",
        name="Mirela Stan",
        title="Senior risk officer, retail and plants",
        roles={"risk_officer": BOTH_BANK_AND_PLANT},
        persona="Risk officer",
        comes_to="rate models, decide on releases of four units",
        manager="ines",
    ),
    Person(
        key="samuel",
        name="Samuel Osei",
        title="Lead model validator",
        roles={"validator": EVERYWHERE},
        persona="Validator",
        comes_to="validate independently, challenge, raise findings",
    ),
    Person(
        key="tomas",
        name="Tomas Reyl",
        title="Data scientist, lending and cards",
        roles={"developer": ("retail-lending", "cards-payments", "financial-crime")},
        persona="Developer",
        comes_to="register versions and file changes for the bank",
    ),
    Person(
        key="aiko",
        name="Aiko Brandt",
        title="Machine learning engineer, plants",
        roles={"developer": ("plant-operations", "supply-chain", "after-sales")},
        persona="Developer",
        comes_to="register versions and file changes for the plants",
    ),
    Person(
        key="hanne",
        name="Hanne Moller",
        title="Head of credit decisioning",
        roles={"model_owner": ("retail-lending", "cards-payments")},
        persona="Model owner",
        comes_to="accept requests, keep the record right",
    ),
    Person(
        key="dana",
        name="Dana Whitlock",
        title="Head of change and platform security",
        roles={"change_manager": EVERYWHERE},
        persona="Change manager",
        comes_to="approve window, plan and way back",
    ),
    Person(
        key="omar",
        name="Omar Celik",
        title="Platform operations lead",
        roles={"operator": EVERYWHERE},
        persona="Operator",
        comes_to="execute, confirm, roll back",
    ),
    Person(
        key="karin",
        name="Karin Voss",
        title="Portfolio manager",
        roles={"manager": EVERYWHERE},
        persona="Manager",
        comes_to="read the KPIs, set targets",
        signs=False,
    ),
    Person(
        key="sofia",
        name="Sofia Almeida",
        title="Chief operating officer, industry",
        roles={"manager": EVERYWHERE},
        persona="Manager",
        comes_to="confirm targets that another manager proposed",
        signs=False,
    ),
    Person(
        key="ruth",
        name="Ruth Amsel",
        title="Internal audit",
        roles={"auditor": EVERYWHERE},
        persona="Auditor",
        comes_to="follow the record, export it, verify it",
        signs=False,
    ),
    Person(
        key="lars",
        name="Lars Brandvold",
        title="Head of treasury analytics",
        roles={"model_owner": ("treasury-markets",)},
    ),
    Person(
        key="noor",
        name="Noor Haddad",
        title="Head of financial crime analytics",
        roles={"model_owner": ("financial-crime",)},
    ),
    Person(
        key="detlef",
        name="Detlef Reuter",
        title="Head of plant engineering",
        roles={"model_owner": ("plant-operations",)},
    ),
    Person(
        key="celine",
        name="Celine Marchetti",
        title="Head of supply planning",
        roles={"model_owner": ("supply-chain", "after-sales")},
    ),
    Person(
        key="joy",
        name="Joy Okonjo",
        title="Data scientist, payments",
        roles={"developer": ("cards-payments", "financial-crime", "retail-lending")},
    ),
    Person(
        key="nils",
        name="Nils Fabel",
        title="Quantitative analyst",
        roles={"developer": ("treasury-markets", "retail-lending")},
    ),
    Person(
        key="petra",
        name="Petra Adair",
        title="Language model engineer",
        roles={"developer": ("retail-lending", "supply-chain", "after-sales", "treasury-markets")},
    ),
    Person(
        key="lena",
        name="Lena Hartog",
        title="Computer vision engineer",
        roles={"developer": ("plant-operations", "supply-chain")},
    ),
    Person(
        key="marc",
        name="Marc Sorel",
        title="Forecasting scientist",
        roles={"developer": ("after-sales", "supply-chain", "plant-operations")},
    ),
    Person(
        key="ivo",
        name="Ivo Castellan",
        title="Model validator",
        roles={"validator": EVERYWHERE},
        manager="samuel",
    ),
    Person(
        key="birgit",
        name="Birgit Nowak",
        title="Release manager",
        roles={"change_manager": EVERYWHERE},
        manager="dana",
    ),
    Person(
        key="greta",
        name="Greta Lindqvist",
        title="Head of the policy office",
        roles={"policy_publisher": EVERYWHERE},
    ),
    Person(
        key="jonas",
        name="Jonas Ekman",
        title="Chief risk officer, bank",
        roles={"viewer": EVERYWHERE},
        signs=False,
    ),
    Person(
        key="tilda",
        name="Tilda Rask",
        title="Deputy portal administrator",
        roles={"administrator": EVERYWHERE},
        persona="Administrator",
        comes_to="confirm the deciding roles that another administrator grants",
        signs=False,
    ),
)
BY_KEY: Mapping[str, Person] = {person.key: person for person in PEOPLE}
PERSONAS: tuple[Person, ...] = tuple(person for person in PEOPLE if person.persona)

OWNERS: Mapping[str, str] = {
    "retail-lending": "hanne",
    "cards-payments": "hanne",
    "treasury-markets": "lars",
    "financial-crime": "noor",
    "plant-operations": "detlef",
    "supply-chain": "celine",
    "after-sales": "celine",
}
DEVELOPERS: Mapping[str, tuple[str, ...]] = {
    "retail-lending": ("tomas", "nils", "petra"),
    "cards-payments": ("tomas", "joy"),
    "treasury-markets": ("nils", "petra"),
    "financial-crime": ("joy", "tomas"),
    "plant-operations": ("aiko", "lena"),
    "supply-chain": ("aiko", "marc", "petra"),
    "after-sales": ("aiko", "marc", "petra"),
}
RISK_OFFICERS: Mapping[str, tuple[str, ...]] = {
    unit: ("ines", "mirela") if unit in BOTH_BANK_AND_PLANT else ("ines",) for unit in UNITS
}
EXECUTIVES: Mapping[str, str] = {unit: "jonas" if unit in BANK else "sofia" for unit in UNITS}


@dataclass(frozen=True, slots=True)
class Place:
    """An environment of the group."""

    name: str
    unit: str
    provider: str
    region: str
    is_production: bool
    connector: str
    alias: str = ""


PLACES: tuple[Place, ...] = (
    Place("bank-dc-prod", GROUP, "on_premises", "Frankfurt data centre", True, "registry_alias", "champion"),
    Place("bank-cloud-prod", GROUP, "aws", "eu-central-1", True, "registry_alias", "production"),
    Place("bank-cloud-staging", GROUP, "aws", "eu-central-1", False, "registry_alias", "staging"),
    Place("plant-cloud-prod", GROUP, "azure", "west-europe", True, "registry_alias", "plant-live"),
    Place("plant-cloud-staging", GROUP, "azure", "west-europe", False, "registry_alias", "plant-staging"),
    Place("plant-edge", "plant-operations", "edge", "Ostrava, lines 1 to 6", True, "manual"),
)
