"""Policies: drafts and publication."""

from copy import deepcopy
from typing import Any

from django import forms

from approvals.forms.fields import area
from approvals.forms.signing import Proof


class PolicyDraft(forms.Form):
    """A revision of a policy as YAML."""

    text = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 30, "class": "mono", "spellcheck": "false"}),
        label="Document",
        max_length=400_000,
    )


class Publication(forms.Form):
    """Publish a revision. What is laxer than a control needs a signed reason."""

    def __init__(self, *, is_laxer: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if is_laxer:
            self.fields["laxness_reason"] = forms.CharField(
                widget=area(3), max_length=4000, label="Why less than the control asks is enough"
            )
            self.fields |= deepcopy(Proof.base_fields)
