"""Custom fields declared in the browser: bad input is named at its field, and no declaration loses a value."""

import csv
import io

import pytest
from django.urls import reverse
from django.utils import timezone

from mlops_portal.foundation.history import save_as
from registry.imports.writing import custom_fields_for, new_custom_fields
from registry.models import CustomField, RecordTask, RegisteredModel
from registry.services.custom_fields import custom_field_add
from registry.services.governance import governance_evaluate_all
from registry.services.models import model_register, model_update

pytestmark = pytest.mark.django_db
LIST, ADD = "/fields/", "/fields/add/"


def declare(unit, label, **fields):
    return custom_field_add(unit=unit, label=label, by=None, now=timezone.now(), **fields)


def record(unit, name, **custom):
    return model_register(name=name, unit=unit, custom=custom, by=None, now=timezone.now())


def address(act, field):
    return reverse(f"registry:field-{act}", args=[field.pk])


def errors(answer):
    return {name: " ".join(found) for name, found in answer.context["form"].errors.items()}


@pytest.fixture
def admin(adam, as_person):
    return as_person(adam)


@pytest.fixture
def colours(retail):
    """A text that three models hold."""
    field = declare(retail, "Colour")
    for name, colour in (("pd", "red"), ("churn", "blue"), ("fraud", "12")):
        record(retail, name, colour=colour)
    return field


def test_an_administrator_finds_declares_and_sees_a_field(admin, retail):
    assert "Custom fields" in admin.get("/").content.decode()
    typed = {
        "label": "Cost centre",
        "unit": retail.pk,
        "type": "choice",
        "choices": "north\n\n south \nnorth",
        "required": "on",
    }
    assert admin.post(ADD, typed).status_code == 303
    field = CustomField.objects.get()
    assert (field.key, field.unit, field.choices, field.required) == (
        "cost-centre", retail, ["north", "south"], True,
    )  # fmt: skip
    page = admin.get(LIST).content.decode()
    assert "cost-centre" in page
    assert "north, south" in page
    assert "0 of 0" in page


@pytest.mark.parametrize(
    ("typed", "where", "says"),
    [
        pytest.param({"key": "cost centre"}, "key", "letters, digits, dashes", id="a key with a space"),
        pytest.param({"key": "a" * 81}, "key", "at most 80", id="a key that is too long"),
        pytest.param({"label": "¿?"}, "key", "letters, digits, dashes", id="a label that gives no key"),
        pytest.param({"key": "colour"}, "key", "has a field with the key colour", id="a key that is taken"),
        pytest.param({"type": "choice"}, "choices", "At least one choice", id="a choice without choices"),
        pytest.param(
            {"type": "choice", "choices": "x" * 201}, "choices", "at most 200", id="a choice that is too long"
        ),
        pytest.param({"type": "colour"}, "type", "Select a valid choice", id="a type that is none"),
        pytest.param({"label": ""}, "label", "required", id="no label"),
        pytest.param({"unit": "0"}, "unit", "Select a valid choice", id="a unit that is none"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_field(admin, retail, colours, typed, where, says):
    answer = admin.post(ADD, {"label": "Fresh", "unit": retail.pk, "type": "text", **typed})
    assert answer.status_code == 400
    assert says in errors(answer)[where]
    assert CustomField.objects.count() == 1


def test_an_administrator_of_another_unit_sees_and_changes_nothing(
    make_person, plant, colours, as_person, olga
):
    other = as_person(make_person("Pia Other", "administrator", unit=plant))
    assert "Colour" not in other.get(LIST).content.decode()
    assert other.get(address("edit", colours)).status_code == 404
    assert as_person(olga).get(LIST).status_code == 403
    assert as_person(olga).get(address("edit", colours)).status_code == 403


@pytest.mark.parametrize(
    ("changed", "where", "says"),
    [
        pytest.param(
            {"type": "number"}, "type",
            "2 models hold a value that would not fit: churn (“blue”), pd (“red”). Change these values first.",
            id="a number, while words are held",
        ),
        pytest.param({"type": "date"}, "type", "3 models hold", id="a date, while none is held"),
        pytest.param(
            {"type": "choice", "choices": "red\nblue"}, "choices",
            "1 model holds a value that would not fit: fraud (“12”). Change this value first.",
            id="choices without one that is held",
        ),
        pytest.param({"type": "choice", "choices": "red\nblue\n12\ngreen"}, "", "", id="choices with all that are held"),
        pytest.param({"label": "Shade", "required": "on"}, "", "", id="another label, and required"),
    ],
)  # fmt: skip
def test_a_type_changes_only_when_every_value_fits(admin, colours, changed, where, says):
    typed = {"label": "Colour", "type": "text", "choices": "", "reason": "Tidier.", **changed}
    answer = admin.post(address("edit", colours), typed)
    before = list(RegisteredModel.objects.order_by("name").values_list("custom", flat=True))
    assert answer.status_code == (400 if where else 303)
    if where:
        assert says in errors(answer)[where]
        assert CustomField.objects.get().type == "text"
    assert before == [{"colour": "blue"}, {"colour": "12"}, {"colour": "red"}]


def test_a_choice_that_is_held_is_not_taken_away(admin, retail, colours):
    typed = {"label": "Colour", "type": "choice", "choices": "red\nblue\n12", "reason": "Tidier."}
    assert admin.post(address("edit", colours), typed).status_code == 303
    refused = admin.post(address("edit", colours), {**typed, "choices": "red\n12"})
    assert "1 model holds a value that would not fit: churn (“blue”)" in errors(refused)["choices"]


def test_values_that_nobody_declared_are_not_declared_unfit(admin, retail, group):
    record(retail, "pd", bureau="one")
    typed = {"label": "Bureau", "unit": group.pk, "type": "number"}
    assert "1 model holds a value that would not fit: pd" in errors(admin.post(ADD, typed))["type"]
    assert admin.post(ADD, {**typed, "type": "text"}).status_code == 303


def test_removing_a_field_keeps_its_values_and_says_how_many(admin, colours, retail):
    page = admin.get(address("remove", colours)).content.decode()
    assert "3 models hold a value. All of them stay in their records under the key" in page
    answer = admin.post(address("remove", colours), {"reason": "Not asked for."}, follow=True)
    assert "Colour is removed. 3 values stay in the records." in answer.content.decode()
    assert not CustomField.objects.exists()
    model = RegisteredModel.objects.get(name="pd")
    assert model.custom == {"colour": "red"}
    assert "<dt>colour</dt><dd>red</dd>" in admin.get(model.get_absolute_url()).content.decode()


def test_values_fall_under_the_unit_above_only_where_they_fit_it(admin, group, retail):
    declare(retail, "Colour")
    declare(group, "Colour", type="choice", choices=["red"])
    near = CustomField.objects.get(unit=retail)
    model = record(retail, "pd", colour="blue")
    refused = admin.post(address("remove", near), {"reason": "Once is enough."})
    assert refused.status_code == 409
    assert "Aldermoor Group declares colour as choice. 1 model holds" in refused.content.decode()
    model_update(model=model, custom={"colour": "red"}, by=None, now=timezone.now())
    assert (
        "the field Colour of Aldermoor Group speaks of it"
        in admin.get(address("remove", near)).content.decode()
    )
    assert admin.post(address("remove", near), {"reason": "Once is enough."}).status_code == 303


def test_a_model_counts_for_the_nearest_declaration(admin, group, retail, plant, colours):
    declare(group, "Colour")
    record(plant, "pumps", colour="green")
    record(plant, "valves")
    held = {row.unit.name: (row.held, row.reach) for row in admin.get(LIST).context["table"].rows}
    assert held == {"Retail Lending": (3, 3), "Aldermoor Group": (1, 2)}
    answer = admin.get(f"{LIST}?export=csv")
    lines = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert {line["Unit"]: line["Models with a value"] for line in lines} == {
        "Retail Lending": "3", "Aldermoor Group": "1",
    }  # fmt: skip


def test_a_long_list_counts_in_as_many_statements(admin, retail, colours, assert_flat_queries):
    assert_flat_queries(
        act=lambda: admin.get(LIST),
        add_rows=lambda: [declare(retail, f"Field {number}") for number in range(30)],
        budget=30,
    )


def test_a_value_that_is_not_offered_is_shown_and_not_lost_unseen(admin, retail):
    declare(retail, "Market", type="choice", choices=["east", "west"])
    model = record(retail, "pd", market="west")
    model.custom = {"market": "north"}
    save_as(model, by=None, now=timezone.now(), reason="as an import keeps it", fields=["custom"])
    url = reverse("registry:model-edit", args=[model.pk])
    shown = admin.get(url)
    assert '<option value="north" selected>north (not offered)</option>' in shown.content.decode()
    form = shown.context["form"]
    typed = {name: form[name].value() or "" for name in form.fields} | {"reason": "Another title."}
    assert "“north” is not offered" in errors(admin.post(url, typed))["custom.market"]


def test_the_duty_to_complete_the_record_names_what_the_unit_requires(admin, retail, plant, now):
    model = record(retail, "pd")
    record(plant, "pumps")
    typed = {"label": "Cost centre", "unit": retail.pk, "type": "text", "required": "on"}
    said = admin.post(ADD, typed, follow=True).content.decode()
    assert "Cost centre is added. 1 model has no value yet" in said

    def duty(name):
        return RecordTask.objects.get(model__name=name, kind="complete_record", closed_at__isnull=True).text

    assert "Cost centre" not in duty("pd")
    governance_evaluate_all(now=timezone.now())
    assert "Cost centre" in duty("pd")
    assert "Cost centre" not in duty("pumps")
    model_update(model=model, custom={"cost-centre": "4711"}, by=None, now=timezone.now())
    governance_evaluate_all(now=timezone.now())
    assert "Cost centre" not in duty("pd")


def test_a_column_of_a_file_is_asked_only_of_the_models_that_came_with_it(admin, adam, retail):
    (field,) = custom_fields_for(
        retail, {"HI_justification": "hi_justification"}, by=adam, now=timezone.now()
    )
    assert new_custom_fields(retail, {"HI_justification": "hi_justification", "Colour": "colour"}) == (
        "Colour",
    )
    came, other = record(retail, "came", hi_justification="Known to it"), record(retail, "other")

    def asks(model):
        page = admin.get(reverse("registry:model-edit", args=[model.pk])).content.decode()
        return 'name="custom.hi_justification"' in page

    assert (asks(came), asks(other)) == (True, False)
    assert "came with a file" in admin.get(LIST).content.decode()
    typed = {"label": "Justification", "type": "text", "choices": "", "reason": "Every model states it"}
    assert admin.post(address("edit", field), typed).status_code == 303
    assert (asks(came), asks(other)) == (True, True)
