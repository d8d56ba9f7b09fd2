# Arrays are addresses (int) on the current device, degrees on the host; `stream` is a cudaStream_t.
def why_not() -> str: ...
def lowest_mean(
    values: int,
    rows: int,
    columns: int,
    low_fraction: float,
    low_count: int,
    high_fraction: float,
    high_count: int,
    mean: int,
    stream: int,
) -> None: ...
def pool_grid(
    tokens: int,
    images: int,
    height: int,
    width: int,
    channels: int,
    degrees: int,
    degree_count: int,
    similarity: bool,
    pooled: int,
    stream: int,
) -> None: ...
