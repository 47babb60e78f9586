"""Forms of documents and their sections."""

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.utils.text import slugify

from mlops_portal.foundation.web.forms import Section
from registry.gates import WantedSection
from registry.models import Document, ModelVersion, RegisteredModel
from registry.states import DocumentKind


class DocumentUpload(forms.Form):
    """A document of one version or of all: a file, a link, or the sections that the policy wants, to be written next."""

    version = forms.ModelChoiceField(
        queryset=ModelVersion.objects.none(),
        required=False,
        empty_label="All versions",
        help_text="Evidence for a release belongs to its version; a validator can attest only that.",
    )
    kind = forms.ChoiceField(choices=DocumentKind.choices)
    title = forms.CharField(max_length=200)
    upload = forms.FileField(required=False, label="File", help_text="At most 50 MB.")
    link = forms.CharField(max_length=500, required=False, help_text="Instead of a file.")

    def __init__(self, *, model: RegisteredModel, wanted: Sequence[WantedSection], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.wanted = wanted
        versions = ModelVersion.objects.alive().filter(model=model).order_by("-number")
        cast("forms.ModelChoiceField", self.fields["version"]).queryset = versions
        if wanted:
            self.fields["link"].help_text += " Without both, the document starts with its sections to write."

    def clean(self) -> dict[str, Any]:
        """Without a file and a link start with the sections of the kind; a kind without any starts with all."""
        found = super().clean() or self.cleaned_data
        if self.has_error("upload") or found.get("upload") or found.get("link"):
            return found
        if not self.wanted:
            self.add_error("upload", "Attach a file, or give a link to it.")
        own = [row for row in self.wanted if row[2] == found.get("kind")] or self.wanted
        return {**found, "sections": [{"key": key, "title": title, "text": ""} for key, title, _kind in own]}


class SectionTexts(forms.Form):
    """The sections that the policy wants, those of the document's kind first, and one of one's own."""

    marks_optional = False
    sections = (
        Section(
            "Another section",
            ("title", "text"),
            note="Optional: one that the policy does not ask for, so completeness does not count it.",
        ),
    )

    title = forms.CharField(max_length=160, required=False, label="Its title")
    text = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 6}), max_length=100_000, required=False, label="Its text"
    )

    def __init__(self, *, document: Document, wanted: Sequence[WantedSection], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.written = {row.key: row for row in document.sections.all()}
        titles = {key: title for key, title, _kind in sorted(wanted, key=lambda row: row[2] != document.kind)}
        self.titles = {**{row.key: row.title for row in self.written.values()}, **titles}
        asked = {
            f"section-{key}": forms.CharField(
                label=title,
                widget=forms.Textarea(attrs={"rows": 4}),
                max_length=100_000,
                required=False,
                initial=self.written[key].text if key in self.written else "",
            )
            for key, title in self.titles.items()
        }
        self.fields = {**asked, **self.fields}

    def clean(self) -> dict[str, Any]:
        """Gather what was written or changed."""
        given = self.cleaned_data
        sections = [
            {"key": key, "title": title, "text": given[f"section-{key}"]}
            for key, title in self.titles.items()
            if given.get(f"section-{key}") and f"section-{key}" in self.changed_data
        ]
        if given.get("title"):
            key = slugify(given["title"])[:60]
            if not key:
                raise forms.ValidationError({"title": "Write a title with letters or digits."})
            own = {
                "key": key,
                "title": given["title"],
                "text": given.get("text", ""),
            }
            sections.append(own)
        if not sections:
            raise forms.ValidationError("Write or change at least one section.")
        return {"sections": sections}
