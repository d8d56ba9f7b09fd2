"""The steps of the method, one per section of docs/method/algorithm.md: pure functions."""

__all__: list[str] = []
