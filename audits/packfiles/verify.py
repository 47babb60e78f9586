"""Verify a pack of the portal (release, change log or inventory), without the portal that made it.

    python3 verify.py PACK --key FINGERPRINT|FILE [--checkpoint FILE]

PACK is the ZIP, or the folder it was unpacked to and nothing else was put into.
Needs only Python's standard library (with `cryptography` installed, signatures are checked faster). The key, or its
fingerprint, must come from somewhere else than the pack: a pack that agrees with its own key proves nothing. So must
this file: a verifier cannot vouch for itself.

One entry of the signed tree names kind, files with digests, and entries of the pack: what is checked follows from it.

Exit codes: 0 everything is verified against the given key; 1 something is wrong, and it is named; 2 the pack cannot
be read; 3 not everything is proved: no key was given, or the entry of an older pack names less.
"""

import argparse
import base64
import binascii
import csv
import hashlib
import io
import json
import sys
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import IO

DASH = "\u2014 "
SPKI = bytes.fromhex("302a300506032b6570032100")
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
BOUND = 512 * 1024 * 1024  # of a file that is read at once; a change log of any length is read line by line
LONGEST = 64 * 1024 * 1024  # of a line
PART = 1024 * 1024
LATE_SECONDS = 60
TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins so has got an apostrophe in front
SALT = 16  # bytes
FORMAT = "mlops-portal-pack/2"
WITNESSED = "signed by this portal, not witnessed"
REMOVED = "lawfully removed"
CONTENT = "Content as recorded"
WRITTEN, LOG = "audits.export_files_written", "change_log"
CSV, LINES, PROOF = "change-log.csv", "log.jsonl", "proof.bin"
LATER = {"manifest.json", "entries.jsonl", "checkpoint.txt", "public_key.pem"}  # than the entry of the files
PARTIAL = "a part of the ledger: that nothing which fits is left out is the portal's word"


class Wrong(Exception):
    """Something does not verify."""


# Ed25519 (RFC 8032, section 5.1), for machines without `cryptography`


def _x_of(y: int, sign: int) -> int:
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        raise Wrong("a point is not on the curve")
    return P - x if x & 1 != sign else x


def _point(raw: bytes) -> tuple:
    number = int.from_bytes(raw, "little")
    y = number & ((1 << 255) - 1)
    x = _x_of(y, number >> 255)
    return (x, y, 1, x * y % P)


def _add(one: tuple, two: tuple) -> tuple:
    a, b = (one[1] - one[0]) * (two[1] - two[0]) % P, (one[1] + one[0]) * (two[1] + two[0]) % P
    c, d = 2 * one[3] * two[3] * D % P, 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _times(factor: int, point: tuple) -> tuple:
    result = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            result = _add(result, point)
        point, factor = _add(point, point), factor >> 1
    return result


def ed25519_by_hand(public: bytes, signature: bytes, message: bytes) -> bool:
    """Check a signature with integers only."""
    base_y = 4 * pow(5, P - 2, P) % P
    base_x = _x_of(base_y, 0)
    try:
        key, r = _point(public), _point(signature[:32])
    except Wrong:
        return False
    s = int.from_bytes(signature[32:], "little")
    if len(public) != 32 or len(signature) != 64 or s >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    left, right = _times(s, (base_x, base_y, 1, base_x * base_y % P)), _add(r, _times(challenge, key))
    return all((left[axis] * right[2] - right[axis] * left[2]) % P == 0 for axis in (0, 1))


def ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    """Check a signature, with `cryptography` where it is installed."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return ed25519_by_hand(public, signature, message)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


# the tree (RFC 6962)


def leaf_hash(data: bytes) -> bytes:
    """Hash an entry."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two neighbours."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_by_proof(index: int, size: int, leaf: bytes, proof: list) -> bytes:
    """Return the root that the proof leads to."""
    if not 0 <= index < size:
        raise Wrong(f"number {index} is not in a tree of {size}")
    position, last, result = index, size - 1, leaf
    for part in proof:
        if last == 0:
            raise Wrong("the proof is too long")
        if position & 1 or position == last:
            result = node_hash(part, result)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            result = node_hash(result, part)
        position, last = position >> 1, last >> 1
    if last:
        raise Wrong("the proof is too short")
    return result


class Folding:
    """Leaves, and the roots of what lies between them, put together from left to right."""

    def __init__(self) -> None:
        self.size = 0
        self.parts: list = []

    def add(self, root: bytes, height: int = 0) -> None:
        """Append a leaf, or the root of the perfect subtree that begins here."""
        self.size += 1 << height
        while self.parts and self.parts[-1][0] == height:
            root = node_hash(self.parts.pop()[1], root)
            height += 1
        self.parts.append((height, root))

    def skip(self, high: int, proof: IO) -> None:
        """Append what the proof holds for the leaves up to ``high``: the fewest perfect subtrees."""
        while self.size < high:
            height = (high - self.size).bit_length() - 1
            if self.size:
                height = min(height, (self.size & -self.size).bit_length() - 1)
            part = proof.read(32)
            if len(part) != 32:
                raise EOFError("the proof is too short")
            self.add(part, height)

    def root(self) -> bytes:
        """Return the root over everything."""
        root = b""
        for _, part in reversed(self.parts):
            root = node_hash(part, root) if root else part
        return root


# keys and checkpoints (C2SP signed-note)


def fingerprint(name: str, public: bytes) -> str:
    """Return the digest that names a key; the first eight digits are its hash in signatures."""
    return hashlib.sha256(name.encode() + b"\n\x01" + public).hexdigest()


def key_of_pem(text: str) -> bytes:
    """Return the 32 bytes of an Ed25519 public key."""
    body = "".join(line for line in text.splitlines() if not line.startswith("-----"))
    raw = base64.b64decode(body, validate=True)
    if len(raw) != 44 or not raw.startswith(SPKI):
        raise Wrong("the public key is not an Ed25519 key")
    return raw[12:]


def open_checkpoint(note: str, public: bytes) -> tuple:
    """Return name, size and root of a checkpoint that this key signed."""
    text, found, signatures = note.rpartition("\n\n")
    lines = text.split("\n")
    if not found or len(lines) < 3 or not lines[1].isdigit():
        raise Wrong("checkpoint.txt is not a signed checkpoint")
    for line in signatures.splitlines():
        name, _, encoded = line.removeprefix(DASH).partition(" ")
        raw = base64.b64decode(encoded, validate=True)
        is_of_key = raw[:4].hex() == fingerprint(name, public)[:8]
        if is_of_key and ed25519(public, raw[4:], (text + "\n").encode()):
            return name, int(lines[1]), base64.b64decode(lines[2], validate=True), lines[0]
    raise Wrong("checkpoint.txt is not signed by this key")


def matches(expected: str, name: str, public: bytes) -> bool:
    """Tell whether the key is the one that the caller trusts: a file or a fingerprint."""
    if Path(expected).is_file():
        text = Path(expected).read_text()
        if text.startswith("-----"):
            return key_of_pem(text) == public
        expected = text.strip()
    if "+" in expected:
        claimed, _, rest = expected.partition("+")
        encoded = rest.partition("+")[2]  # base64 may hold more of these signs
        return claimed == name and base64.b64decode(encoded + "=" * (-len(encoded) % 4)) == b"\x01" + public
    return len(expected) == 64 and expected.lower() == fingerprint(name, public)


# the pack


class Folder:
    """An unpacked pack, read as its ZIP is."""

    def __init__(self, path: str) -> None:
        self.root = Path(path)
        self.files = [one for one in self.root.rglob("*") if one.is_symlink() or not one.is_dir()]

    def namelist(self) -> list:
        """Return the names as the ZIP has them."""
        return [one.relative_to(self.root).as_posix() for one in self.files]

    def open(self, name: str) -> IO:
        """Open a file."""
        return (self.root / name).open("rb")


class Pack:
    """An opened pack, a ZIP or the folder it was unpacked to."""

    def __init__(self, path: str) -> None:
        self.files = Folder(path) if Path(path).is_dir() else zipfile.ZipFile(path)
        names = self.files.namelist()
        if len(names) != len(set(names)):
            raise Wrong("a file name occurs twice")
        self.digests = {name: self.digest(name) for name in names}

    def digest(self, name: str) -> str:
        """Return the SHA-256 of a file."""
        digest = hashlib.sha256()
        try:
            with self.files.open(name) as file:
                for part in iter(lambda: file.read(PART), b""):
                    digest.update(part)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise Wrong(f"{name}: altered: the ZIP does not give it back ({error})") from error
        return digest.hexdigest()

    def text(self, name: str) -> str:
        """Read a file of the pack at once."""
        if name not in self.digests:
            raise Wrong(f"{name}: missing")
        with self.files.open(name) as file:
            data = file.read(BOUND + 1)
        if len(data) > BOUND:
            raise Wrong(f"{name}: larger than any such file of the portal")
        return data.decode()

    def lines(self, name: str) -> Iterator:
        """Read a file of JSON lines one by one."""
        with self.files.open(name) as file:
            for line in iter(lambda: file.readline(LONGEST), b""):
                yield json.loads(line)

    def rows(self, name: str) -> Iterator:
        """Read the rows of a CSV one by one."""
        with self.files.open(name) as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
            yield from csv.reader(text, strict=True)

    def entries(self) -> list:
        """Read the entries. Only a line feed ends one: texts may hold other signs that count as the end of a line."""
        return [json.loads(line) for line in self.text("entries.jsonl").split("\n") if line]


def check_payload(place: str, entry: dict, envelope: dict) -> None:
    """Verify that a payload is the one its envelope commits to."""
    salt = base64.b64decode(entry["salt"], validate=True)
    bound = hashlib.sha256(salt + entry["payload"].encode()).hexdigest()
    if len(salt) != SALT or bound != envelope["payload_commitment"]:
        raise Wrong(f"{place}: altered: the payload is not the committed one")


def check_entry(entry: dict, size: int, root: bytes) -> str:
    """Verify one entry; return its payload, or nothing when it was withheld."""
    place = f"entries.jsonl: entry {entry['entry_id']} (#{entry['index']})"
    try:
        proof = [base64.b64decode(part, validate=True) for part in entry["proof"]]
        reached = root_by_proof(entry["index"], size, leaf_hash(entry["envelope"].encode()), proof)
    except (Wrong, binascii.Error) as error:
        raise Wrong(f"{place}: {error}") from error
    if reached != root:
        raise Wrong(f"{place}: altered or reordered: its proof does not lead to the signed root")
    envelope = json.loads(entry["envelope"])
    if envelope["entry_id"] != entry["entry_id"]:
        raise Wrong(f"{place}: the envelope is of another entry")
    if entry["payload"] is not None:
        check_payload(place, entry, envelope)
    return entry["payload"] or ""


def check_statements(pack: Pack, name: str, noun: str, payloads: list) -> str:
    """Verify that the digest of each decision or dossier part is that of its content, and that an entry holds it."""
    statements = json.loads(pack.text(name))
    for number, statement in enumerate(statements, 1):
        digest = hashlib.sha256(statement["canonical"].encode()).hexdigest()
        if digest != statement["digest"]:
            raise Wrong(f"{noun} {number}: altered: its digest is not that of its content")
        if not any(digest in payload for payload in payloads):
            raise Wrong(f"{noun} {number}: inserted: no entry of the ledger holds its digest")
    return f"{noun + 's':<13} {len(statements)} have the digest of their content, and the ledger holds it"


# what was exported: one entry names it, and a change log says what its entries say


class Written:
    """What the one entry about the files of the pack says."""

    def __init__(self, entries: list, payloads: list) -> None:
        pairs = zip(entries, payloads)
        found = [pair for pair in pairs if json.loads(pair[0]["envelope"])["verb"] == WRITTEN]
        if len(found) != 1 or not found[0][1]:
            raise Wrong("entries.jsonl: missing: the one entry, with payload, of the files of the pack")
        entry, payload = found[0]
        self.data = json.loads(payload)["data"]
        self.files = self.data["files"]
        self.number, self.at = entry["index"], json.loads(entry["envelope"])["occurred_at"]
        self.ids = {entry["entry_id"], *self.data.get("entries", ())}
        self.kind = self.data.get("kind")  # of older packs nothing
        if self.kind not in (LOG, "inventory", "release_pack", None):
            raise Wrong(f"this verifier does not know packs of the kind {self.kind}")
        self.later = LATER | ({PROOF} if self.kind == LOG else set())

    def check_names(self, pack: Pack) -> list:
        """Verify that every file that was exported is there and no other; return those an older entry is silent on."""
        if lost := sorted({*self.files, *self.later} - {*pack.digests}):
            raise Wrong(f"{lost[0]}: missing: a pack as entry #{self.number} describes it has it")
        others = sorted({*pack.digests} - {*self.files} - self.later)
        if others and self.kind:
            raise Wrong(f"{others[0]}: inserted: entry #{self.number} does not name it")
        return others

    def check_files(self, pack: Pack) -> str:
        """Verify that every file is the one that was exported."""
        names = sorted(self.files)
        if wrong := [name for name in names if pack.digests[name] != self.files[name]]:
            raise Wrong(f"{wrong[0]}: altered: it is not what entry #{self.number} says was exported")
        return f"exported    {', '.join(names)}: what the portal entered as #{self.number} at {self.at}"

    def check_rest(self, pack: Pack, entries: list, print_: str) -> None:
        """Verify that no entry or payload was left out or added, and that the manifest says what is known without it."""
        ids = [entry["entry_id"] for entry in entries]
        taken = {one["entry_id"] for one in entries if one["payload"] is None} - {*self.data["withheld"]}
        lost, added = self.ids - {*ids}, {*ids} - self.ids
        wrongs = {"missing": lost, "inserted": added, "missing: the payload of": taken}
        if words := next(filter(wrongs.get, wrongs), ""):
            raise Wrong(f"entries.jsonl: {words}: {min(wrongs[words])}")
        manifest = json.loads(pack.text("manifest.json"))
        expected = {
            "format": FORMAT,
            "signed_with": print_,
            "witnessed": WITNESSED,
            "kind": self.kind,
            "about": self.data["about"],
            "entries": ids,
            "files": {name: digest for name, digest in pack.digests.items() if name != "manifest.json"},
        }
        if other := [one for one in {*expected, *manifest} if expected.get(one) != manifest.get(one, "")]:
            raise Wrong(f"manifest.json: altered: {min(other)} is not what the ledger and the files say")


def safe(text: str) -> str:
    """Write a cell as the portal does: what a spreadsheet takes for a formula begins with an apostrophe."""
    return "'" + text if text.startswith(FORMULAS) else text


def is_late(envelope: dict) -> bool:
    """Tell whether the two clocks of an entry are more than a minute apart."""
    one, two = envelope["occurred_at"], envelope["recorded_at"]
    if one[:16] == two[:16]:
        return False
    apart = datetime.strptime(two, TIME) - datetime.strptime(one, TIME)
    return abs(apart.total_seconds()) > LATE_SECONDS


def cells_of(line: dict, envelope: dict) -> dict:
    """Return what the cells of a line must say, by the head of their column."""
    cells = {
        "Number": str(line["index"]),
        "Entry": envelope["entry_id"],
        "Occurred at": envelope["occurred_at"],
        "Recorded at": envelope["recorded_at"],
        "Late": "yes" if is_late(envelope) else "no",
        "Actor id": envelope["actor_id"],
        "Verb": envelope["verb"],
        "Record": envelope["subject_label"],
        "Record id": safe(envelope["subject_id"]),
        "Act": envelope["act_id"],
        "Commitment": envelope["payload_commitment"],
    }
    if "payload" not in line:
        return cells
    is_kept = line["payload"] is not None
    content = json.loads(line["payload"]) if is_kept else {}
    if is_kept:
        check_payload(f"entry #{line['index']}", line, envelope)
    cells["Payload"] = "kept" if is_kept else REMOVED
    cells["Record name"] = safe(content.get("subject") or "")
    cells["Reason"] = safe((content.get("history") or {}).get("history_change_reason") or "")
    cells[CONTENT] = line["payload"] if is_kept else ""
    return cells


def compare(number: int, head: list, row: list, expected: dict) -> None:
    """Verify that a line of the CSV says what its entry says."""
    if len(row) != len(head):
        raise Wrong(f"line {number} of the CSV has {len(row)} cells instead of {len(head)}")
    cells = dict(zip(head, row))
    for name, value in expected.items():
        if cells.get(name) != value:
            place, found = f"line {number} of the CSV: altered: {name}", cells.get(name)
            raise Wrong(f"{place} is {found!r:.90}, its entry says {value!r:.90}")


class Log:
    """A change log: the lines of its CSV beside the entries they are about."""

    def __init__(self, pack: Pack, kept_size: int) -> None:
        self.pack = pack
        self.kept_size, self.kept_root = kept_size, b""
        self.head: list = []
        self.told: list = []
        self.count, self.withheld, self.is_whole = 0, 0, True

    def check(self, size: int, root: bytes) -> None:
        """Verify that each line says what its entry says, and that the entries lead to the signed root."""
        csv.field_size_limit(LONGEST)
        tree = Folding()
        with self.pack.files.open(PROOF) as proof:
            try:
                for line in self.compared():
                    if not tree.size <= line["index"] < size:
                        raise Wrong(f"{LINES}: entry #{line['index']} is out of order")
                    self.is_whole = self.is_whole and line["index"] == tree.size
                    tree.skip(line["index"], proof)
                    tree.add(leaf_hash(line["envelope"].encode()))
                    if self.is_whole and tree.size == self.kept_size:
                        self.kept_root = tree.root()
                tree.skip(size, proof)
            except EOFError:
                tree = Folding()
            if proof.read(1) or tree.root() != root:
                raise Wrong(f"{LINES} or {PROOF}: altered or cut: they do not lead to the signed root")

    def compared(self) -> Iterator:
        """Yield the entries, each compared with its line."""
        rows = self.pack.rows(CSV)
        self.head = next(rows, [])
        for line, row in zip_longest(self.pack.lines(LINES), rows):
            if line is None or row is None:
                raise Wrong(f"{CSV} and {LINES} do not have the same number of lines")
            expected = cells_of(line, json.loads(line["envelope"]))
            compare(self.count + 2, self.head, row, expected)
            self.told = list(expected)
            self.withheld += line.get("payload", "") is None
            self.count += 1
            yield line

    def said(self) -> list:
        """Say what was shown, and what was not."""
        whole = f"every entry from #0 to #{self.count - 1}" if self.is_whole else PARTIAL
        said = [f"log         {self.count} lines say what their entries say, which are in the signed tree"]
        said.append(f"            {whole if self.count else 'no line'}")
        rest = [name for name in self.head if name not in self.told]
        if rest and self.count:
            said.append(f"            only as exported, in no entry: {', '.join(rest)}")
        if self.withheld:
            said.append(f"            {self.withheld} payloads were lawfully removed")
        return said


def check_kept(kept: tuple, size: int, root: bytes, log: Log | None) -> str:
    """Compare with a checkpoint kept elsewhere: that of the pack, or one that a whole log grew beyond."""
    _, kept_size, kept_root, _ = kept
    known = root if kept_size == size else log.kept_root if log else b""
    if not known:
        return f"the checkpoint kept elsewhere is over {kept_size} entries; it is signed by the same key and cannot be compared"
    if kept_root != known:
        raise Wrong(f"the checkpoint kept elsewhere, over {kept_size}, is another: two ledgers were signed")
    if kept_size == size:
        return "the checkpoint kept elsewhere is that of the pack"
    return f"the log begins with the {kept_size} entries of the checkpoint kept elsewhere, unchanged"


def verify(path: str, key: str, checkpoint: str) -> tuple:
    """Verify the pack; return what was checked, in words, and the files that nothing signed speaks of."""
    pack = Pack(path)
    public = key_of_pem(pack.text("public_key.pem"))
    name, size, root, origin = open_checkpoint(pack.text("checkpoint.txt"), public)
    print_ = fingerprint(name, public)
    if key and not matches(key, name, public):
        raise Wrong(f"public_key.pem: the pack was signed with {print_}, which is not the key you gave")
    said = [f"checkpoint  {origin}, {size} entries, signed with {print_}"]
    entries = pack.entries()
    payloads = [check_entry(entry, size, root) for entry in entries]
    numbers = [entry["index"] for entry in entries]
    if numbers != sorted(set(numbers)):
        raise Wrong("entries.jsonl: reordered: the entries are not in the order of the ledger")
    silent = [entry for entry in entries if entry["payload"] is None]
    bound = len(entries) - len(silent)
    said.append(f"entries     {len(entries)} are in the signed tree; {bound} payloads are as committed")
    said += [f"            entry #{one['index']}: the payload was lawfully removed" for one in silent]
    kept = open_checkpoint(Path(checkpoint).read_text(), public) if checkpoint else None
    written, log = Written(entries, payloads), None
    others = written.check_names(pack)
    if written.kind == LOG:
        log = Log(pack, kept[1] if kept else 0)
        log.check(size, root)
        said.extend(log.said())
    for name, noun in (("decisions.json", "decision"), ("dossier_parts.json", "dossier part")):
        if name in written.files:
            said.append(check_statements(pack, name, noun, payloads))
    said.append(written.check_files(pack))
    if written.kind:
        written.check_rest(pack, entries, print_)
    else:
        others += ["manifest.json", "that no entry or payload was left out"]
    if kept:
        said.append(f"elsewhere   {check_kept(kept, size, root, log)}")
    return said, others


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description="Verify a pack: release, change log or inventory.")
    parser.add_argument("pack", help="the ZIP, or the folder it was unpacked to")
    parser.add_argument("--key", default="", help="fingerprint, or key file, from a trusted source")
    parser.add_argument("--checkpoint", default="", help="a checkpoint of the same ledger, kept elsewhere")
    given = parser.parse_args()
    if not given.key:
        print("No --key given: a pack that is consistent with its own key proves nothing yet.")
    try:
        said, others = verify(given.pack, given.key, given.checkpoint)
    except Wrong as error:
        print(f"BROKEN: {error}")
        return 1
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        print(f"cannot read {given.pack}: {error}")
        return 2
    except (KeyError, ValueError, TypeError, AttributeError, binascii.Error, csv.Error) as error:
        print(f"BROKEN: the pack is malformed: {type(error).__name__} {error}")
        return 1
    print("\n".join(said))
    print("verify.py   what runs here cannot vouch for itself: take it from a source you trust, or read it")
    if not given.key:
        print("CONSISTENT, but not proved: pass --key with a fingerprint from a trusted source.")
    if others:
        print(f"INCOMPLETE, an older pack. Not verified: {', '.join(others)}. Export it again.")
    if others or not given.key:
        return 3
    print("VERIFIED. Signed by this portal, not witnessed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
