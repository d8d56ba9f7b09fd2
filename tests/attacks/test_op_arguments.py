"""Hostile arguments to every op: a result or a MuscError, and no change of the caller's arrays."""

import numpy as np
import op_calls
import pytest
import torch

from musc2 import ops
from musc2.errors import MuscError


class Subclass(torch.Tensor):
    pass


def arrays_like(array):
    """Return variants of an array by name: other types, layouts, shapes, kinds and values."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    floats = tensor.float()
    variants = {
        "big-endian": array.astype(array.dtype.newbyteorder(">")),
        "reversed": np.ascontiguousarray(array[::-1])[::-1],
        "fortran": np.asfortranarray(array),
        "void": array.astype("V4"),
        "datetime": np.zeros(array.shape, "M8[s]"),
        "masked": np.ma.masked_array(array),
        "scalar": np.float32(1),
        "no axis": np.array(1, np.float32),
        "empty": array[:0],
        "empty rows": array[..., :0],
        "one more axis": array[None],
        "one axis less": array[0] if len(array) else array,
        "list": array.tolist(),
        "text": "abc",
        "meta": tensor.to("meta"),
        "sparse": tensor.to_sparse(),
        "mkldnn": floats.to_mkldnn(),
        "nested": torch.nested.nested_tensor([floats, floats]),
        "quantized": torch.quantize_per_tensor(floats, 0.1, 0, torch.quint8),
        "subclass": tensor.clone().as_subclass(Subclass),
        "parameter": torch.nn.Parameter(floats.clone()),
        "negative view": torch._neg_view(floats.clone()),
        "conjugate": torch.complex(floats, floats).conj().imag,
        "expanded": tensor[:1].expand(*tensor.shape) if len(tensor) else tensor,
        "float8": floats.to(torch.float8_e4m3fn),
    }
    if array.ndim == 2:
        variants["csr"] = floats.to_sparse_csr()
    for name in ("f8", "f2", "i4", "i8", "u1", "u8", "?", "c8", "g", "O", "U8"):
        variants[f"numpy {name}"] = array.astype(name)
    for value in (np.nan, np.inf, 3e38, -3e38, 1e-44):
        variants[f"full of {value}"] = np.full(array.shape, value, np.float32)
    return variants


SCALARS = [
    None, -1, 0, 1, 2, 3.5, float("nan"), float("inf"), -float("inf"), 10**30, 2**63, 2**31,
    -(2**63), "x", b"x", [], [1], (1, 2), (-2, -2), (0, 0), (2.0, 2.0), (1, 2, 3), {}, object(),
    True, np.int64(3), np.float32(2.5), np.float64(2.5), np.bool_(True), torch.tensor(3),
    torch.tensor([1, 2]), np.array([1, 2]), 1e308, 1e-320, 10**400, 10**5000, [0, 10**30],
    [0.5, 50.9], ["a"], [None], [[0, 50]], [0, 50], [0], [10, 0, 50], [0, 20.9, 50.7],
    np.array([0, 50], "u8"), np.array([0, 50], ">i8"), torch.tensor([0, 50], dtype=torch.int8),
    torch.tensor([0, 50], device="meta"), range(3), iter([0, 50]), (0, 10**30), (0.0, 10**30),
    (1, 0.5), (0.5, 1), (5, 2), (0.9, 0.1), (-1, 2), np.nan, np.str_("auto"), [set()],
]  # fmt: skip
TOO_LARGE_TO_ALLOCATE = {("farthest_points", "count"), ("group_points", "size")}
OFFSETS = ("offsets", "query_offsets", "center_offsets")


def cases(name):
    """Yield (argument, description, arguments): a sound call with one argument replaced."""
    draw = op_calls.Draw(np.random.default_rng(0))
    arrays, options = op_calls.CALLS[name](draw)
    sound = arrays | options
    for argument, array in arrays.items():
        for description, value in arrays_like(array).items():
            yield argument, description, sound | {argument: value}
    accepted = getattr(ops, name).__code__.co_varnames[: _count(name)]
    for argument in [*sound, *(word for word in OFFSETS if word in accepted)]:
        for value in SCALARS:
            if (name, argument) in TOO_LARGE_TO_ALLOCATE and isinstance(value, int):
                value = min(value, 5000) if value < 2**31 else value
            yield argument, value, sound | {argument: value}


def _count(name):
    code = getattr(ops, name).__code__
    return code.co_argcount + code.co_kwonlyargcount


def contents(value):
    """Return the bytes of an array; None for what is no plain array."""
    if isinstance(value, torch.Tensor):
        is_plain = value.device.type == "cpu" and value.layout == torch.strided
        if not is_plain or value.is_nested or value.is_quantized:
            return None
        plain = value.detach().resolve_neg().clone(memory_format=torch.contiguous_format)
        return plain.flatten().view(torch.uint8).numpy()
    return value.copy().tobytes() if isinstance(value, np.ndarray) else None


@pytest.mark.parametrize("name", op_calls.CALLS)
@pytest.mark.filterwarnings("ignore")
def test_hostile_arguments_give_a_result_or_a_clear_error(name):
    for argument, description, arguments in cases(name):
        before = [contents(value) for value in arguments.values()]
        try:
            getattr(ops, name)(**arguments)
        except MuscError:
            pass
        except Exception as error:
            detail = f"{type(error).__name__}: {error}"
            pytest.fail(f"{name}({argument}={description!r:.60}) raised {detail:.200}")
        after = [contents(value) for value in arguments.values()]
        for old, new in zip(before, after, strict=True):
            assert old is None or np.array_equal(old, new), (argument, description)


@pytest.mark.parametrize("name", op_calls.CALLS)
def test_arrays_of_the_other_byte_order_give_equal_results(name):
    arrays, options = op_calls.CALLS[name](op_calls.Draw(np.random.default_rng(1)))
    swapped = {key: value.astype(value.dtype.newbyteorder(">")) for key, value in arrays.items()}
    expected = tensors(getattr(ops, name)(**arrays, **options))
    results = tensors(getattr(ops, name)(**swapped, **options))
    assert all(torch.equal(a, b) for a, b in zip(expected, results, strict=True))


def tensors(result):
    """Return the tensors of a result of any op."""
    if isinstance(result, torch.Tensor):
        return [result]
    if isinstance(result, int):
        return [torch.tensor(result)]
    parts = result if isinstance(result, tuple) else vars(result).values()
    return [tensor for part in parts for tensor in tensors(part)]


def test_indices_are_copied_before_they_are_checked():
    from musc2.ops._support import arrays

    for dtype in (np.int32, np.int64):
        centers = np.arange(5, dtype=dtype)
        checked = arrays.indices("op", "centers", centers, "G")
        centers[:] = 10**9
        assert checked.tolist() == [0, 1, 2, 3, 4]
    offsets = torch.tensor([0, 3, 5])
    checked = arrays.check_offsets("op", "offsets", offsets, 5, "points")
    offsets.fill_(10**9)
    assert checked.tolist() == [0, 3, 5]
