"""Files addressed by their SHA-256, stored in the database or in a folder, verified whenever they are read.

`services.store`, `services.read`, `services.open_chunks`; `downloads.download` for views.
"""
