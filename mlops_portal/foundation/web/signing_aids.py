"""What else stands beside a form that asks for password and code, such as the authenticator of the demonstration.

A page with a signature form includes every template of `templates()` next to it:
``{% for part in signing_aids %}{% include part %}{% endfor %}`` (the variable is in every page's context, and holds no
template in production). A part may use ``request`` and fetches what else it shows by a tag of its own.
"""

_templates: list[str] = []


def register(template_name: str) -> None:
    """Show a template beside every signature form."""
    if template_name not in _templates:
        _templates.append(template_name)


def templates() -> list[str]:
    """Templates in the order of registration."""
    return list(_templates)
