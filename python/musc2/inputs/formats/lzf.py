"""The compression of binary_compressed pcd files: runs of bytes as they are, and copies of what came before.

A control byte below 32 says that one more than that many bytes follow. Any other is a copy: its upper 3 bits are the
length less 2 (7: the next byte adds to it), its lower 5 and the byte after that say how far back it begins, less 1.
"""

from __future__ import annotations

LARGEST_RATIO = 88  # 3 bytes copy 264


def decompress(data: bytes, size: int) -> bytes:
    """The ``size`` bytes that ``data`` stands for; ValueError where it does not. Makes at most 264 bytes more."""
    found = bytearray()
    at, end = 0, len(data)
    while at < end and len(found) <= size:
        control = data[at]
        if control < 32:
            found += data[at + 1 : at + 2 + control]
            at += control + 2
            continue
        long = control >= 224
        if at + 2 + long > end:
            break
        length = (control >> 5) + 2 + (data[at + 1] if long else 0)
        start = len(found) - ((control & 31) << 8) - data[at + 1 + long] - 1
        if start < 0:
            msg = "a copy of what is not there"
            raise ValueError(msg)
        seen = found[start : start + length]
        if len(seen) < length:  # it copies from itself
            seen *= length // len(seen) + 1
        found += seen[:length]
        at += 2 + long
    if at != end or len(found) != size:
        msg = f"{len(found)} bytes from {min(at, end)} of {end}, not {size}"
        raise ValueError(msg)
    return bytes(found)
