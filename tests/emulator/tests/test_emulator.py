"""The emulator finds the mistakes of mistakes.cu."""

import os
import subprocess
import sys

import backends
import pytest
import torch

emulated = pytest.importorskip("musc2._cuda_emulated", reason="built with MUSC2_EMULATED=ON only")
BLOCKS, THREADS = 2, 64
OWN = torch.arange(THREADS, dtype=torch.int32)


@pytest.fixture(params=backends.ORDERS)
def order(request):
    before = emulated.order()
    emulated.set_order(request.param)
    yield request.param
    emulated.set_order(before)


def make_mistake(name):
    result = torch.full((BLOCKS, THREADS), -1, dtype=torch.int32)
    emulated.make_mistake(name, result.data_ptr())
    return result


def is_poison(result):
    return bool((result == torch.tensor([0xCB] * 4, dtype=torch.uint8).view(torch.int32)).all())


def in_every_order(name):
    before, results = emulated.order(), []
    for order in backends.ORDERS:
        emulated.set_order(order)
        results.append(make_mistake(name))
    emulated.set_order(before)
    return results


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("swap with opposite", (OWN + 1).expand(BLOCKS, THREADS)),
        ("swap with next lane", (OWN ^ 1).expand(BLOCKS, THREADS)),
        ("swap in cluster", 2 * torch.stack([OWN + 100, OWN])),
    ],
)
def test_correct_kernels_give_the_same_in_every_order(name, expected):
    assert all(torch.equal(result, expected) for result in in_every_order(name))


@pytest.mark.parametrize(
    ("correct", "mistaken"),
    [
        ("swap with opposite", "swap with opposite, no barrier before the read"),
        ("swap with opposite", "swap with opposite, no barrier before the write"),
        ("swap with next lane", "swap with next lane, no barrier"),
        ("swap in cluster", "swap in cluster, no barrier"),
    ],
)
def test_a_missing_barrier_shows_in_the_result(correct, mistaken):
    expected = make_mistake(correct)
    assert not torch.equal(in_every_order(mistaken)[0], expected)
    assert not all(torch.equal(result, expected) for result in in_every_order(mistaken))


@pytest.mark.parametrize("where", ["static", "static of template", "dynamic"])
def test_shared_memory_is_poisoned_before_each_block(order, where):
    assert is_poison(make_mistake(f"read unwritten {where}"))


def test_an_absent_lane_gives_garbage(order):
    result = make_mistake("read an absent lane")
    assert not torch.isin(result[:, OWN % 32 < 16], OWN).any()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "return before barrier",
            r"waits at the barrier of the block at mistakes.cu:\d+, but .* 7 has returned",
        ),
        (
            "wait at different barriers",
            r"waits at the barrier of the block at mistakes.cu:\d+, but .* at mistakes.cu",
        ),
        ("leave lanes out", r"thread \d+ waits for lanes that never arrive at mistakes.cu:\d+"),
        (
            "call from outside the mask",
            r"thread \d+ is not in the mask of its own __shfl_xor_sync at mistakes.cu:\d+",
        ),
        ("mix operations", "is in __shfl_xor_sync, but block .* of its mask is in __ballot_sync"),
        ("map a local variable", "maps an address that is not in shared memory"),
        (
            "leave the cluster",
            r"the barrier of the cluster at mistakes.cu:\d+, but block .1, .* has returned",
        ),
        ("end before the cluster", "uses a block that has ended"),
        ("initialize an mbarrier twice", "initializes an mbarrier twice"),
        ("arrive without initialization", "uses an mbarrier that is not initialized"),
        ("announce twice", "announces bytes twice in a phase"),
        ("arrive while copying", "arrives in a phase whose arrivals are complete"),
        (
            "wait for the phase before the last",
            r"waits for a condition that never holds at mistakes.cu:\d+",
        ),
        ("multiply without fence", "is in multiply_bfloat16 without fence_products"),
        ("multiply into other sums", "multiplies into other sums while products are in flight"),
        ("too much shared memory", "no GPU has this much shared memory"),
        ("too many threads", "no GPU runs blocks of 2048 threads"),
        ("a part of a cluster", "the grid is not a multiple of the cluster"),
    ],
)
def test_what_is_undefined_on_a_gpu_is_an_error_here(order, name, message):
    with pytest.raises(RuntimeError, match=message):
        make_mistake(name)
    # The next launch works.
    assert torch.equal(make_mistake("swap with opposite")[0], OWN + 1)


@pytest.mark.parametrize("text", ["", "backward", "random", "random:", "random:-1", "random:x"])
def test_an_order_that_does_not_exist_is_an_error(text):
    with pytest.raises(
        ValueError, match="must be forward, reverse, random:SEED, fair or uneven:SEED"
    ):
        emulated.set_order(text)


def fresh(script, **environment):
    inherited = {
        name: value for name, value in os.environ.items() if name != "MUSC2_EMULATION_ORDER"
    }
    command = [sys.executable, "-c", script]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=inherited | environment
    )


def test_the_environment_chooses_the_order():
    script = "from musc2 import _cuda_emulated; print(_cuda_emulated.order())"
    assert fresh(script).stdout.strip() == "forward"
    assert fresh(script, MUSC2_EMULATION_ORDER="random:7").stdout.strip() == "random:7"


@pytest.mark.skipif(not emulated.SANITIZED, reason="built with MUSC2_SANITIZE=ON only")
@pytest.mark.parametrize("name", ["write beyond static", "write beyond dynamic"])
def test_writing_beyond_shared_memory_ends_under_the_sanitizer(name):
    result = fresh(f"""
import torch
from musc2 import _cuda_emulated
_cuda_emulated.make_mistake({name!r}, torch.ones({BLOCKS * THREADS}, dtype=torch.int32).data_ptr())
""")
    assert "AddressSanitizer: " in result.stderr
    assert result.returncode != 0


@pytest.mark.parametrize(("dtype", "name"), [(torch.float16, "half"), (torch.bfloat16, "bfloat16")])
def test_narrow_floats_are_those_of_torch(rng, dtype, name):
    widen, narrow = getattr(emulated, f"widen_{name}"), getattr(emulated, f"narrow_{name}")
    bits = torch.arange(2**16, dtype=torch.int32)
    wide = bits.to(torch.int16).view(dtype).float()
    assert torch.equal(
        torch.tensor([widen(b) for b in bits.tolist()]).nan_to_num(7.5), wide.nan_to_num(7.5)
    )
    between = (wide[:-1] + wide[1:]) / 2  # where rounding must go to the even one
    small = torch.from_numpy(rng.standard_normal(9999)).float() * 1e-6
    values = torch.cat([wide, between, small, torch.tensor([7e4])])
    values = values[~values.isnan()]
    ours = torch.tensor([narrow(v) for v in values.tolist()], dtype=torch.int32).to(torch.int16)
    assert torch.equal(ours, values.to(dtype).view(torch.int16))
