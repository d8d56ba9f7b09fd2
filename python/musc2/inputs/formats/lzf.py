"""Decompress LZF, the compression of binary_compressed pcd files: literal runs and back references.

A control byte below 32 announces that many bytes plus one, to be taken as they are. Any other
control byte is a back reference: its upper 3 bits are the length less 2 (7: the next byte adds to
it), its lower 5 bits and the byte after that are the distance less 1.
"""

from __future__ import annotations

LARGEST_RATIO = 88  # 3 bytes copy 264


def decompress(data: bytes, size: int) -> bytes:
    """Return the ``size`` bytes that ``data`` holds; raise ValueError if it holds another number.

    At most 264 bytes more than ``size`` are ever in memory.
    """
    output = bytearray()
    position, end = 0, len(data)
    while position < end and len(output) <= size:
        control = data[position]
        if control < 32:
            output += data[position + 1 : position + 2 + control]
            position += control + 2
            continue
        is_long = control >= 224
        width = 3 if is_long else 2  # bytes of this reference
        if position + width > end:
            break
        length = (control >> 5) + 2
        if is_long:
            length += data[position + 1]
        distance = ((control & 31) << 8) + data[position + width - 1] + 1
        start = len(output) - distance
        if start < 0:
            msg = "a reference to before the first byte"
            raise ValueError(msg)
        repeated = output[start : start + length]
        if len(repeated) < length:  # the copy overlaps itself
            repeated *= length // len(repeated) + 1
        output += repeated[:length]
        position += width
    if position != end or len(output) != size:
        msg = f"{len(output)} bytes from {min(position, end)} of {end}, not {size}"
        raise ValueError(msg)
    return bytes(output)
