"""Acts of this app."""

from mlops_portal.foundation.events import Verb, register_verbs

BULK = "audits.rows_written_together"
ACCESSES = "audits.accesses_recorded"
PURGED = "audits.payloads_purged"
KEY_ADDED = "audits.signing_key_added"
KEY_ROTATED = "audits.signing_key_rotated"

register_verbs(
    [
        Verb(BULK, "wrote rows together"),
        Verb(ACCESSES, "recorded accesses"),
        Verb(PURGED, "removed personal data"),
        Verb(KEY_ADDED, "added a signing key"),
        Verb(KEY_ROTATED, "replaced the signing key"),
    ]
)
