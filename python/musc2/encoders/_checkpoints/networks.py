"""Vision transformers of the transformers library, built from weight files."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from musc2 import checks
from musc2.encoders._checkpoints import layouts, positions, weights
from musc2.encoders._checkpoints.layouts import Architecture
from musc2.errors import InputError

# Of each family: the classes of its config and its network, and how positions are interpolated.
FAMILIES: dict[str, tuple[str, str, positions.Interpolation | None]] = {
    "vit": ("ViTConfig", "ViTModel", positions.DINO_INTERPOLATION),
    "dinov2": ("Dinov2Config", "Dinov2Model", positions.DINO_INTERPOLATION),
    "dinov2_with_registers": (
        "Dinov2WithRegistersConfig",
        "Dinov2WithRegistersModel",
        positions.REGISTERS_INTERPOLATION,
    ),
    "dinov3_vit": ("DINOv3ViTConfig", "DINOv3ViTModel", None),  # rotary: computed for each size
    "clip_vision_model": (
        "CLIPVisionConfig",
        "CLIPVisionModelWithProjection",
        positions.CLIP_INTERPOLATION,
    ),
}
# Keys of weight files that are not the image network's.
_IGNORED_KEYS = re.compile(
    r"head\.|classifier\.|fc_norm\.|(vit\.|dinov2\.)?pooler\.|(.*embeddings\.)?mask_token$|"
    r"text_model\.|text_projection\.|logit_scale$|.*position_ids$"
)


def transformers() -> Any:
    """Return the library; the error without it names the extra that installs it."""
    if importlib.util.find_spec("transformers") is None:
        msg = 'load: vision transformers need the package transformers; pip install "musc2[vit]"'
        raise InputError(msg)
    import transformers as library

    return library


def config_of(network: Architecture) -> Any:
    """Return the library's config of an architecture."""
    values: dict[str, Any] = {
        "hidden_size": network.width,
        "num_hidden_layers": network.depth,
        "num_attention_heads": network.heads,
        "patch_size": network.patch,
        "image_size": network.side,
        "layer_norm_eps": 1e-6,  # as in DINO's own code; the hub's configs of DINO have 1e-12
    }
    if network.family in ("dinov2", "dinov2_with_registers"):
        # A gated MLP is two thirds as wide as the ratio says, rounded up.
        ratio = (3 if network.gated else 2) * network.hidden // (2 * network.width)
        values |= {"mlp_ratio": ratio, "use_swiglu_ffn": network.gated}
    else:
        values |= {"intermediate_size": network.hidden}
    if network.family in ("dinov2_with_registers", "dinov3_vit"):
        values |= {"num_register_tokens": network.registers}
    if network.family == "dinov3_vit":
        values |= {"layer_norm_eps": 1e-5}
    if network.family == "clip_vision_model":
        values |= {"layer_norm_eps": 1e-5, "hidden_act": "quick_gelu", "projection_dim": 768}
    return _library_class(FAMILIES[network.family][0])(**values)


def read_config(folder: Path) -> Any:
    """Return the library's config in a folder's config.json."""
    try:
        settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        family = settings["model_type"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        requirement = "must come with a config.json that holds their model_type"
        checks.refuse("load", "weights", requirement, f"{folder} ({error})")
    if family == "clip":
        projection = settings.get("projection_dim", 512)
        settings = {**settings.get("vision_config", {}), "projection_dim": projection}
        family = "clip_vision_model"
    if family not in FAMILIES:
        requirement = f"must be of a {', '.join(FAMILIES)} or clip network"
        checks.refuse("load", "weights", requirement, f"the architecture {family!r}")
    return _library_class(FAMILIES[family][0]).from_dict(settings)


def build(name: str, config: Any, state: weights.Weights) -> torch.nn.Module:
    """Return the network of ``config`` with the weights ``state`` (the hub's layout), frozen."""
    _, class_name, interpolation = FAMILIES[config.model_type]
    state = {key: value for key, value in state.items() if not _IGNORED_KEYS.match(key)}
    options = {"add_pooling_layer": False} if config.model_type == "vit" else {}
    with _silent():
        network, report = _library_class(class_name).from_pretrained(
            None,
            config=config,
            state_dict=state,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **options,
        )
    missing = {key for key in report["missing_keys"] if not _IGNORED_KEYS.match(key)}
    mismatched = []
    for key, shape, expected in report["mismatched_keys"]:
        mismatched.append(f"{key} {tuple(shape)} instead of {tuple(expected)}")
    weights.refuse_keys(name, missing, set(report["unexpected_keys"]), mismatched)
    if interpolation is not None:
        embeddings = getattr(network, "vision_model", network).embeddings
        clip = config.model_type == "clip_vision_model"
        table = embeddings.position_embedding.weight if clip else embeddings.position_embeddings
        embeddings.interpolate_pos_encoding = positions.Positions(
            table, config.patch_size, interpolation
        )
    frozen: torch.nn.Module = network.float().eval().requires_grad_(False)
    return frozen


def load(name: str, path: Path, expected: Architecture | None) -> torch.nn.Module:
    """Return the network in a file or folder; raise if it is not the ``expected`` one."""
    transformers()  # before any file is read, so that its absence is reported first
    state = weights.without_prefixes(weights.read(path), ("module.", "backbone.", "teacher."))
    if layouts.is_original(state):
        architecture = layouts.architecture(state)
        if expected is not None and architecture != expected:
            requirement = f"must be those of {name}, {expected}"
            checks.refuse("load", "weights", requirement, f"{architecture} in {path}")
        state = layouts.to_hub(name, state, architecture)
        config = config_of(architecture)
    elif expected is not None:
        config = config_of(expected)
    else:
        config = read_config(path if path.is_dir() else path.parent)
    return build(name, config, state)


def _library_class(name: str) -> Any:
    library = transformers()
    if not hasattr(library, name):
        msg = f"load: {name} needs a newer version of transformers than {library.__version__}"
        raise InputError(msg)
    return getattr(library, name)


@contextmanager
def _silent() -> Iterator[None]:
    """Turn off the library's progress bar and report; missing keys are an error of ours."""
    from transformers.utils import logging

    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()
