"""Pages: lists, details, actions, tables, filters, exports, charts, navigation, panels, notices.

Knows nothing of any application: applications declare pages with these classes and register what they
offer (navigation, panels, search sources). Rules and writes live in the applications' services.
"""
