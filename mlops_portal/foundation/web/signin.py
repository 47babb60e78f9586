"""What else the sign-in page shows. An application adds a template, such as the personas of the demonstration."""

_templates: list[str] = []


def register(template_name: str) -> None:
    """Show a template beside the sign-in form; its data come from a tag of its own."""
    if template_name not in _templates:
        _templates.append(template_name)


def templates() -> list[str]:
    """Templates in the order of registration."""
    return list(_templates)
