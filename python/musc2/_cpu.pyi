# Arrays are addresses (int); shapes, types and contiguity are the caller's duty: see musc2.ops.
def num_threads() -> int: ...
def set_num_threads(count: int) -> None: ...
def isas() -> list[str]: ...
def isa() -> str: ...
def multiplies_bfloat16() -> bool: ...
def set_isa(name: str) -> bool: ...
def first_nonfinite(values: int, count: int, position: int) -> None: ...
def largest_magnitude(values: int, count: int, largest: int) -> None: ...
def first_nan(values: int, count: int, position: int) -> None: ...
def farthest_points(
    points: int,
    offsets: int,
    clouds: int,
    count: int,
    start: int,
    skip_norm2: float,
    picks: int,
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
) -> None: ...
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
) -> None: ...
def nearest_patches_of_pairs(
    z: int,
    samples: int,
    patches: int,
    channels: int,
    references: int,
    reference_samples: int,
    reference_patches: int,
    memory: int,
    pairs: int,
    count: int,
    forward: int,
    backward: int,
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
) -> None: ...
def rank_match(source: int, target: int, rows: int, columns: int, matched: int) -> None: ...
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
) -> None: ...
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
) -> None: ...
def gradient_tokens(images: int, count: int, height: int, width: int, tokens: int) -> None: ...
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
) -> None: ...
def project_tokens(
    tokens: int,
    count: int,
    channels: int,
    matrix: int,
    offset: int,
    columns: int,
    projected: int,
) -> None: ...
def point_normals(
    points: int,
    offsets: int,
    clouds: int,
    sensor: int,
    neighbors: int,
    normals: int,
    variation: int,
) -> None: ...
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
) -> None: ...
def cluster_grid(
    points: int,
    foreground: int,
    count: int,
    eps: float,
    min_points: int,
    labels: int,
) -> int: ...
def region_overlap(
    values: int,
    masks: int,
    sizes: int,
    maps: int,
    threshold: int,
    normal_above: int,
    normal_at: int,
    anomalous_at: int,
    overlap_at: int,
    counts: int,
) -> None: ...
def region_overlap_binned(
    values: int,
    masks: int,
    sizes: int,
    maps: int,
    bits: int,
    normal: int,
    anomalous: int,
    overlap: int,
    regions: int,
) -> None: ...
