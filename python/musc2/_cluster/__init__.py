"""``score(..., cluster=)``: parts are encoded and compared by the workers of a Ray cluster."""

__all__: list[str] = []
