"""Opening and closing evidence packs, as an auditor does and as somebody who forges one."""

import io
import json
import zipfile

from mlops_portal.foundation.canonical import sha256


def contents(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files: dict[str, bytes], *, honest_manifest: bool = True) -> bytes:
    """Zip again; an attacker with some skill also corrects the manifest."""
    if honest_manifest:
        manifest = json.loads(files["manifest.json"])
        manifest["files"] = {name: sha256(data) for name, data in files.items() if name != "manifest.json"}
        files = {**files, "manifest.json": json.dumps(manifest).encode()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()
