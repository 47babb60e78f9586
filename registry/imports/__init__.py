"""Import of inventories: files become rows, rows become planned records, a job writes them through services.

``reading`` knows file formats and no fields, ``mapping`` knows fields and no files, ``plan`` joins them. None of the
three touches the database.
"""
