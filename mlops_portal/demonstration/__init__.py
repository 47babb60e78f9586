"""The demonstration: a portfolio built by driving the services, one-click personas, their authenticator.

Installed by the settings of the demonstration and of the tests only; production never has its addresses.
"""
