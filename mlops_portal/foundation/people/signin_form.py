"""The forms of signing in and of setting a password, in the words of the portal."""

from typing import Any

from allauth.account.forms import LoginForm, ResetPasswordKeyForm


class SignIn(LoginForm):
    """Address, password, and whether to stay signed in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "remember" in self.fields:
            self.fields["remember"].label = "Remember me"


class NewPassword(ResetPasswordKeyForm):
    """The password that an invited person sets, twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in (("password1", "New password"), ("password2", "New password, again")):
            self.fields[name].label = label
            self.fields[name].widget.attrs.pop("placeholder", None)
