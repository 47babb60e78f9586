"""The MLflow registry protocol, served: an unchanged ``mlflow`` client sees the portal as its model registry.

One machine door to the registry's services: what a client writes here is governed like a click in the browser.
Tracking (runs, metrics, artifacts) stays where it is; foreign run and model ids are kept as given.
"""
