"""Find, fetch and read the checkpoints of networks."""

__all__: list[str] = []
