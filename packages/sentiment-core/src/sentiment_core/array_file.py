"""The container of a scorer on disk: plain arrays behind a checksum, no code.

Layout: 8 bytes of magic, the SHA-256 of all that follows (32 bytes), the header's length (8 bytes,
little-endian), the header (JSON, padded with spaces to a multiple of 8), then the arrays one after
the other, each padded to a multiple of 8 bytes.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sentiment_core.errors import ScorerError
from sentiment_core.json_object import parse_object

MAGIC: Final = b"SENTISCR"
FORMAT_VERSION: Final = 1

_DIGEST_END: Final = len(MAGIC) + 32
_HEADER_START: Final = _DIGEST_END + 8
_DTYPES: Final = {"int64": "<i8", "float64": "<f8", "uint8": "|u1"}
_MAX_HEADER_BYTES: Final = 1 << 16
_ALIGNMENT: Final = 8


class Container(NamedTuple):
    """What a scorer file holds."""

    header: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    digest: str


def pack(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Serialise a header and arrays; the same input gives the same bytes.

    Parameters
    ----------
    header : mapping
        JSON values.
    arrays : mapping of str to array
        One-dimensional arrays of int64, float64 or uint8.

    Returns
    -------
    bytes
        The whole file.
    """
    described = {
        **header,
        "format_version": FORMAT_VERSION,
        "arrays": [[name, array.dtype.name, len(array)] for name, array in arrays.items()],
    }
    encoded = _pad(json.dumps(described, sort_keys=True).encode("utf-8"), b" ")
    body = b"".join(
        [
            len(encoded).to_bytes(8, "little"),
            encoded,
            *(
                _pad(array.astype(_DTYPES[array.dtype.name], copy=False).tobytes(), b"\0")
                for array in arrays.values()
            ),
        ]
    )
    return MAGIC + hashlib.sha256(body).digest() + body


def unpack(content: bytes) -> Container:
    """Check and read the bytes of a scorer file.

    Parameters
    ----------
    content : bytes
        The whole file.

    Returns
    -------
    Container
        Header, read-only arrays that share memory with `content`, and the hex SHA-256.

    Raises
    ------
    ScorerError
        If the bytes are not a scorer file, are damaged, or have an unknown format version.
    """
    if content[: len(MAGIC)] != MAGIC:
        raise ScorerError("not a scorer file (its first bytes are foreign)")
    body = memoryview(content)[_DIGEST_END:]
    digest = hashlib.sha256(body)
    if digest.digest() != content[len(MAGIC) : _DIGEST_END]:
        raise ScorerError("damaged or incomplete (its checksum does not match)")
    try:
        header, arrays = _read_body(content)
    except (ValueError, KeyError, TypeError) as error:
        raise ScorerError(f"malformed ({error!s:.200})") from error
    return Container(header, arrays, digest.hexdigest())


def _read_body(content: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    end = _HEADER_START + int.from_bytes(content[_DIGEST_END:_HEADER_START], "little")
    header = parse_object(content[_HEADER_START:end], max_length=_MAX_HEADER_BYTES)
    version = header["format_version"]
    if version != FORMAT_VERSION:
        raise ScorerError(
            f"of format version {version!r:.20}, but this sentiment-core reads version "
            f"{FORMAT_VERSION}: install the release that wrote it"
        )
    if end % _ALIGNMENT:
        raise ValueError("its arrays do not start where numbers may")
    arrays, offset = {}, end
    for name, dtype, length in header["arrays"]:
        # To numpy, a length of -1 is all that follows.
        if type(length) is not int or not 0 <= length <= len(content):
            raise ValueError("an array has an impossible length")
        array = np.frombuffer(content, dtype=_DTYPES[dtype], count=length, offset=offset)
        arrays[name] = array
        offset += -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
    if offset != len(content):
        raise ValueError("its length differs from what its header says")
    return header, arrays


def _pad(data: bytes, filler: bytes) -> bytes:
    return data + filler * (-len(data) % _ALIGNMENT)
