"""Acts of this app."""

from mlops_portal.foundation.events import Verb, register_verbs

BULK = "audits.rows_written_together"
ACCESSES = "audits.accesses_recorded"
PURGED = "audits.payloads_purged"
KEY_ADDED = "audits.signing_key_added"
KEY_ROTATED = "audits.signing_key_rotated"
VERIFIED = "audits.ledger_verified"
EXPORT_STARTED = "audits.export_started"
EXPORT_WRITTEN = "audits.export_files_written"
EXPORT_MADE = "audits.export_made"
EXPORT_TAKEN = "audits.export_downloaded"
# Reads of the portal, and files taken out of it: many, and none of them changes anything.
READS = (ACCESSES, EXPORT_STARTED, EXPORT_WRITTEN, EXPORT_MADE, EXPORT_TAKEN)

register_verbs(
    [
        Verb(BULK, "wrote several records in one act"),
        Verb(ACCESSES, "recorded accesses"),
        Verb(PURGED, "removed personal data"),
        Verb(KEY_ADDED, "added a signing key"),
        Verb(KEY_ROTATED, "replaced the signing key"),
        Verb(VERIFIED, "verified the ledger"),
        Verb(EXPORT_STARTED, "started an export"),
        Verb(EXPORT_WRITTEN, "wrote the files of an export"),
        Verb(EXPORT_MADE, "made an export"),
        Verb(EXPORT_TAKEN, "downloaded an export"),
    ]
)
