"""The caches that weights are searched in, empty, whatever this machine holds."""


def empty_the_caches(patch, folder):
    """Point all caches into ``folder``. patch: pytest's monkeypatch."""
    patch.setenv("MUSC2_CACHE", str(folder / "musc2"))
    patch.setenv("TORCH_HOME", str(folder / "torch"))
    try:
        from huggingface_hub import constants
    except ImportError:
        return
    patch.setattr(constants, "HF_HUB_CACHE", str(folder / "hub"))
