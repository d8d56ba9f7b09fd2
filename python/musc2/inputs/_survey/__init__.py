"""What is unusual in a set of inputs."""

__all__: list[str] = []
