"""Finding, fetching and reading the checkpoints of networks."""

__all__: list[str] = []
