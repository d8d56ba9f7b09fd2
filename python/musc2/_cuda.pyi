# Arrays are addresses (int) on the current device, degrees on the host; `stream` is a cudaStream_t.
def why_not() -> str: ...
def farthest_points_scratch(total: int, largest: int) -> int: ...
def farthest_points(
    points: int,
    offsets: int,
    clouds: int,
    count: int,
    start: int,
    skip_norm2: float,
    picks: int,
    largest: int,
    scratch: int,
    stream: int,
) -> None: ...
def nearest_points(
    points: int,
    offsets: int,
    clouds: int,
    queries: int,
    query_offsets: int,
    k: int,
    index: int,
    distance2: int,
    most_queries: int,
    stream: int,
) -> None: ...
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
def pool_centers(
    tokens: int,
    centers: int,
    curvature: int,
    offsets: int,
    samples: int,
    channels: int,
    degrees: int,
    degree_count: int,
    threshold: float,
    pooled: int,
    count: int,
    stream: int,
) -> None: ...
def link_patches(
    pixels: int,
    offsets: int,
    samples: int,
    height: int,
    width: int,
    grid_height: int,
    grid_width: int,
    patch: int,
    start: int,
    groups: int,
    stream: int,
) -> None: ...
def spread_points(
    points: int,
    offsets: int,
    centers: int,
    center_offsets: int,
    samples: int,
    values: int,
    neighbours: int,
    spread: int,
    largest: int,
    stream: int,
) -> None: ...
