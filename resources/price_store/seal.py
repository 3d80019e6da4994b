"""The seal of a stored file: a hash of all its bytes, in its own metadata.

It is checked before anything is decoded, for of a Parquet file with one flipped bit polars may
read other values, and may ask for 2**61 bytes of memory, which ends the process. A Parquet file has
to end with its footer, so the seal can't come after it: it is an entry of the file's metadata, and
while the hash is taken, zeros are in its place.
"""

from hashlib import sha256

SEAL = "gauntlet.sha256"
EMPTY_SEAL = "0" * 64

# How Parquet's footer (Thrift's compact protocol) has the entry: the key, then the header of a
# text of 64 bytes, then the text.
_BEFORE = SEAL.encode() + b"\x18\x40"


def seal(data: bytes) -> bytes:
    """Return a Parquet file, which has an `EMPTY_SEAL` in its metadata, with its seal there."""
    start = data.rindex(_BEFORE + EMPTY_SEAL.encode()) + len(_BEFORE)
    return b"".join([data[:start], _hash(data, start).encode(), data[start + len(EMPTY_SEAL) :]])


def is_sealed(data: bytes) -> bool:
    """Return whether a file has a seal, right or wrong; those of earlier versions have none."""
    return SEAL.encode() in data


def is_intact(data: bytes) -> bool:
    """Return whether each byte of a sealed file is as it was written."""
    start = data.rfind(_BEFORE) + len(_BEFORE)
    found = data[start : start + len(EMPTY_SEAL)]
    return start >= len(_BEFORE) and found == _hash(data, start).encode()


def _hash(data: bytes, start: int) -> str:
    whole = memoryview(data)
    digest = sha256(whole[:start])
    digest.update(EMPTY_SEAL.encode())
    digest.update(whole[start + len(EMPTY_SEAL) :])
    return digest.hexdigest()
