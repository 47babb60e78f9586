"""Who uploaded a content, and under which name, while no record refers to it yet.

The same content is kept once, so the stored file tells only about its first uploader. Whoever uploads it gets a token
for the way from the upload to the record; access and name come from there, not from the stored file.
"""

from datetime import timedelta

from django.core import signing

from mlops_portal.foundation.files.models import StoredFile
from mlops_portal.foundation.files.services import base_name
from mlops_portal.foundation.people.models import User

SALT = "mlops_portal.upload"
KEPT = timedelta(days=2)


def token(stored: StoredFile, *, name: str, by: User) -> str:
    """Note that ``by`` uploaded this content as ``name``."""
    return signing.dumps([stored.pk, stored.sha256, by.pk, base_name(name)], salt=SALT, compress=True)


def name_of(stored: StoredFile, given: str, *, by: User) -> str:
    """Return the name under which this person uploaded the content; empty when the token is not for them."""
    try:
        file_id, sha256, person_id, name = signing.loads(given, salt=SALT, max_age=KEPT)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    return name if (file_id, sha256, person_id) == (stored.pk, stored.sha256, by.pk) else ""
