"""Policies: drafts."""

from django import forms


class PolicyDraft(forms.Form):
    """A revision of a policy as YAML."""

    text = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 30, "class": "mono", "spellcheck": "false"}),
        label="Document",
        max_length=400_000,
    )
