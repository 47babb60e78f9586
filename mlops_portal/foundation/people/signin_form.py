"""The form of the sign-in page, in the words of the portal."""

from typing import Any

from allauth.account.forms import LoginForm


class SignIn(LoginForm):
    """Address, password, and whether to stay signed in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "remember" in self.fields:
            self.fields["remember"].label = "Remember me"
