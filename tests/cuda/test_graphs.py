"""Calls of fixed sizes can be captured in a CUDA graph; replays read the inputs anew."""

import torch


def test_each_replay_of_a_captured_call_reads_its_inputs_anew(call, fresh, same):
    inputs = tuple(array.cuda() for array in fresh(call))
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        call(inputs)  # whatever is prepared once is prepared before the capture
    side.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = call(inputs)
    for _ in range(3):
        new = fresh(call)
        for target, array in zip(inputs, new, strict=True):
            target.copy_(array)
        graph.replay()
        torch.cuda.synchronize()
        assert same(results, call(tuple(array.cuda() for array in new)))
