"""Calls of fixed sizes can be captured in a CUDA graph, whose replays treat what is in the inputs then."""

import torch


def test_a_captured_call_gives_what_the_inputs_ask_at_each_replay(call, fresh, same):
    held = tuple(array.cuda() for array in fresh(call))
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        call(held)  # whatever is prepared once is prepared before the capture
    side.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = call(held)
    for _ in range(3):
        new = fresh(call)
        for place, array in zip(held, new, strict=True):
            place.copy_(array)
        graph.replay()
        torch.cuda.synchronize()
        assert same(results, call(tuple(array.cuda() for array in new)))
