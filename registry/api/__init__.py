"""The registry through REST: the same services, rights and reasons as its pages."""
