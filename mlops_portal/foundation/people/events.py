"""Acts of people and rights that are more than a row change."""

from mlops_portal.foundation.events import Verb, register_verbs

register_verbs(
    [
        Verb("people.grant_made", "granted a role"),
        Verb("people.grant_confirmed", "confirmed a role"),
        Verb("people.grant_declined", "declined a role"),
        Verb("people.revocation_asked", "asked for the revocation of a role"),
        Verb("people.revocation_declined", "kept a role whose revocation was asked for"),
        Verb("people.grant_revoked", "revoked a role"),
        Verb("people.grant_expired", "role ended"),
        Verb("people.access_asked", "asked for access"),
        Verb("people.access_granted", "granted the access that was asked for"),
        Verb("people.access_declined", "declined the access that was asked for"),
        Verb("people.account_made", "created a service account"),
        Verb("people.account_handed_over", "named another owner of a service account"),
        Verb("people.token_made", "made a token"),
        Verb("people.token_revoked", "revoked a token"),
        Verb("people.token_ending", "a token is about to end"),
        Verb("people.person_deactivated", "deactivated a person"),
        Verb("people.person_invited", "made an invitation"),
        Verb("people.password_set", "set a password"),
        Verb("people.authenticator_added", "set up an authenticator"),
        Verb("people.authenticator_removed", "removed an authenticator"),
        Verb("people.recovery_codes_made", "made recovery codes"),
    ]
)
