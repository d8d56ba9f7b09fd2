"""Calls are queued on the caller's stream and wait for nothing but the work before them there."""

import pytest
import torch

CYCLES = 200_000_000  # that a GPU is kept busy, about a tenth of a second


def test_a_call_waits_for_its_stream_but_its_caller_does_not(call, fresh, same):
    new = tuple(array.cuda() for array in fresh(call))
    expected = call(new)
    inputs = tuple(array.cuda() for array in fresh(call))
    torch.cuda.synchronize()
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        call(inputs)  # so that nothing has to be loaded while the stream is busy
        torch.cuda._sleep(CYCLES)
        for target, array in zip(inputs, new, strict=True):
            target.copy_(array)
        results = call(inputs)
        assert not side.query(), "the call waited for the GPU"
    side.synchronize()
    assert same(results, expected)


def test_calls_on_several_streams_at_once_do_not_disturb_each_other(call, fresh, same):
    streams = [torch.cuda.Stream() for _ in range(4)]
    inputs = [tuple(array.cuda() for array in fresh(call)) for _ in streams]
    expected = [call(arrays) for arrays in inputs]
    torch.cuda.synchronize()
    results = []
    for _ in range(5):
        for stream, arrays in zip(streams, inputs, strict=True):
            with torch.cuda.stream(stream):
                results.append(call(arrays))
    torch.cuda.synchronize()
    assert all(same(result, expected[i % len(streams)]) for i, result in enumerate(results))


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="fewer than two GPUs")
def test_a_call_runs_where_its_arrays_are_and_not_on_the_current_device(call, fresh, same):
    new = fresh(call)
    expected = call(tuple(array.to("cuda:0") for array in new))
    results = call(tuple(array.to("cuda:1") for array in new))
    assert all(array.device.index == 1 for array in results)
    assert same(results, expected)
