# Arrays are addresses (int) on the current device; degrees, scales and sensor are on the host;
# `stream` is a cudaStream_t.
def why_not() -> str: ...
def farthest_points_scratch(point_count: int, largest_cloud: int) -> int: ...
def farthest_points(
    points: int,
    offsets: int,
    clouds: int,
    count: int,
    start: int,
    skip_norm2: float,
    picks: int,
    largest_cloud: int,
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
    largest_batch: int,
    stream: int,
) -> None: ...
def group_points_scratch(clouds: int, centers_per_cloud: int, search: int) -> int: ...
def group_points(
    points: int,
    offsets: int,
    clouds: int,
    centers: int,
    centers_per_cloud: int,
    size: int,
    start: int,
    search: int,
    curvature_threshold: float,
    unique: bool,
    index: int,
    curvature: int,
    neighborhood: int,
    scratch: int,
    stream: int,
) -> None: ...
def point_normals_scratch(point_count: int, clouds: int, neighbors: int) -> int: ...
def point_normals(
    points: int,
    offsets: int,
    clouds: int,
    sensor: int,
    neighbors: int,
    normals: int,
    variation: int,
    point_count: int,
    largest_cloud: int,
    scratch: int,
    stream: int,
) -> None: ...
def group_histograms_scratch(
    clouds: int, centers_per_cloud: int, widest: int, scale_count: int
) -> int: ...
def group_histograms(
    points: int,
    normals: int,
    variation: int,
    offsets: int,
    clouds: int,
    centers: int,
    centers_per_cloud: int,
    scales: int,
    scale_count: int,
    histograms: int,
    largest_cloud: int,
    scratch: int,
    stream: int,
) -> None: ...
def nearest_patches(
    z: int,
    samples: int,
    patches: int,
    channels: int,
    references: int,
    reference_samples: int,
    reference_patches: int,
    memory: int,
    distance: int,
    index: int,
    precision: int,
    type_code: int,
    scratch: int,
    stream: int,
) -> None: ...
def nearest_patches_scratch(
    samples: int,
    patches: int,
    channels: int,
    is_mutual: bool,
    reference_samples: int,
    reference_patches: int,
    precision: int,
    memory: int,
    type_code: int,
) -> int: ...
def nearest_patches_in_window(
    z: int,
    samples: int,
    height: int,
    width: int,
    channels: int,
    references: int,
    reference_samples: int,
    search_window: int,
    distance: int,
    index: int,
    type_code: int,
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
def rank_match_scratch(rows: int, columns: int) -> int: ...
def rank_match(
    source: int,
    target: int,
    rows: int,
    columns: int,
    matched: int,
    scratch: int,
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
    by_similarity: bool,
    pooled: int,
    type_code: int,
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
    curvature_threshold: float,
    pooled: int,
    token_count: int,
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
    neighbors: int,
    spread: int,
    largest_batch: int,
    stream: int,
) -> None: ...
def gradient_tokens_scratch(count: int, height: int, width: int) -> int: ...
def gradient_tokens(
    images: int,
    count: int,
    height: int,
    width: int,
    tokens: int,
    scratch: int,
    stream: int,
) -> None: ...
def dictionary_tokens_scratch(
    count: int, height: int, width: int, components: int, word_count: int
) -> int: ...
def dictionary_tokens(
    images: int,
    count: int,
    height: int,
    width: int,
    whitening: int,
    components: int,
    words: int,
    word_count: int,
    softness: float,
    tokens: int,
    scratch: int,
    stream: int,
) -> None: ...
def project_tokens(
    tokens: int,
    count: int,
    channels: int,
    matrix: int,
    offset: int,
    columns: int,
    projected: int,
    stream: int,
) -> None: ...
