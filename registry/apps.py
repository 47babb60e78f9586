"""The registry as an installed app."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """Declares rights, navigation and the parts of the home page."""

    name = "registry"

    def ready(self) -> None:
        """Register what other parts of the house ask for."""
        from mlops_portal.foundation.people import gates, rights
        from mlops_portal.foundation.web import first_run, home
        from mlops_portal.foundation.web import notices as telling
        from mlops_portal.foundation.web.navigation import NavItem, register
        from registry import home as sections
        from registry import notices, policies, tasks
        from registry.imports import jobs  # noqa: F401  (declares its kind)
        from registry.queries import found
        from registry.rights import RIGHTS

        rights.declare(RIGHTS)
        telling.register(notices.RULES, notices.ENDINGS)
        gates.grant_gates += [policies.grant_objections, policies.grant_place_objections]
        found.offer()
        tasks.register()
        register(NavItem("Portfolio", "Models", "model", "registry:model-list", "registry.view", 10))
        register(NavItem("Portfolio", "Data sets", "data", "registry:dataset-list", "registry.view", 12))
        register(NavItem("Portfolio", "Pipelines", "server", "registry:pipeline-list", "registry.view", 14))
        register(
            NavItem("Portfolio", "Deployments", "deploy", "registry:deployment-list", "registry.view", 20)
        )
        register(
            NavItem("System", "Custom fields", "edit", "registry:field-list", "registry.manage_fields", 20)
        )
        first_run.register(
            first_run.Step(
                "models",
                "Register the first models",
                "By hand, from an inventory file, or from a pipeline with an MLflow client.",
                (
                    ("Import an inventory", "registry:import-start", "registry.import"),
                    ("Register a model", "registry:model-register", "registry.register"),
                ),
                sections.first_models,
                40,
            )
        )
        view = "registry.view"
        for section in (
            home.Section("registry.tasks", "registry/home/tasks.html", sections.tasks, view, 30),
            home.Section("registry.proposals", "registry/home/proposals.html", sections.proposals, view, 20),
            home.Section("registry.owned", "registry/home/owned.html", sections.owned, view, 10, "rail"),
        ):
            home.register(section)
