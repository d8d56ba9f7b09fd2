"""Vision transformers of the transformers library: the known ones, and building one from its weights."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from musc2.encoders._checkpoints import layouts, positions, weights
from musc2.encoders._checkpoints.layouts import Architecture
from musc2.errors import InputError

# Of each family: the classes of its description and its network, and how its positions are interpolated.
FAMILIES: dict[str, tuple[str, str, positions.Interpolation | None]] = {
    "vit": ("ViTConfig", "ViTModel", positions.BY_SCALE),
    "dinov2": ("Dinov2Config", "Dinov2Model", positions.BY_SCALE),
    "dinov2_with_registers": ("Dinov2WithRegistersConfig", "Dinov2WithRegistersModel", positions.SMOOTHED),
    "dinov3_vit": ("DINOv3ViTConfig", "DINOv3ViTModel", None),  # rotary: made for each size
    "clip_vision_model": ("CLIPVisionConfig", "CLIPVisionModelWithProjection", positions.BY_SIZE),
}
# What files hold beside the image network.
_ASIDE = (
    r"head\.|classifier\.|fc_norm\.|(vit\.|dinov2\.)?pooler\.|(.*embeddings\.)?mask_token$|text_model\.|"
    r"text_projection\.|logit_scale$|.*position_ids$"
)


def transformers() -> Any:
    """The library, or an error that names the extra which installs it."""
    if importlib.util.find_spec("transformers") is None:
        msg = 'load: vision transformers need the package transformers; pip install "musc2[vit]"'
        raise InputError(msg)
    import transformers as library

    return library


def description(found: Architecture) -> Any:
    """The library's description (config) of an architecture."""
    values: dict[str, Any] = {
        "hidden_size": found.width,
        "num_hidden_layers": found.depth,
        "num_attention_heads": found.heads,
        "patch_size": found.patch,
        "image_size": found.side,
        "layer_norm_eps": 1e-6,  # as in DINO's own code; the hub's descriptions of DINO say 1e-12
    }
    if found.family in ("dinov2", "dinov2_with_registers"):
        # A gated MLP is two thirds as wide as the ratio says, rounded up.
        ratio = (3 if found.gated else 2) * found.hidden // (2 * found.width)
        values |= {"mlp_ratio": ratio, "use_swiglu_ffn": found.gated}
    else:
        values |= {"intermediate_size": found.hidden}
    if found.family in ("dinov2_with_registers", "dinov3_vit"):
        values |= {"num_register_tokens": found.registers}
    if found.family == "dinov3_vit":
        values |= {"layer_norm_eps": 1e-5}
    if found.family == "clip_vision_model":
        values |= {"layer_norm_eps": 1e-5, "hidden_act": "quick_gelu", "projection_dim": 768}
    return _library_class(FAMILIES[found.family][0])(**values)


def described_in(folder: Path) -> Any:
    """The description in a folder's config.json."""
    try:
        about = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = about["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = f"load: weights must come with a config.json that says their model_type, got {folder} ({error})"
        raise InputError(msg) from None
    if kind == "clip":
        about = {**about.get("vision_config", {}), "projection_dim": about.get("projection_dim", 512)}
        kind = "clip_vision_model"
    if kind not in FAMILIES:
        msg = f"load: weights must be of a {', '.join(FAMILIES)} or clip network, got the architecture {kind!r}"
        raise InputError(msg)
    return _library_class(FAMILIES[kind][0]).from_dict(about)


def build(name: str, config: Any, state: weights.Weights) -> torch.nn.Module:
    """The network that ``config`` describes, holding ``state`` (the hub's layout), not to be trained."""
    _, kind, how = FAMILIES[config.model_type]
    state = {key: value for key, value in state.items() if not re.match(_ASIDE, key)}
    options = {"add_pooling_layer": False} if config.model_type == "vit" else {}
    with _silent():
        network, report = _library_class(kind).from_pretrained(
            None, config=config, state_dict=state, output_loading_info=True, ignore_mismatched_sizes=True, **options
        )
    missing = {key for key in report["missing_keys"] if not re.match(_ASIDE, key)}
    wrong = [f"{key} {tuple(was)} instead of {tuple(wanted)}" for key, was, wanted in report["mismatched_keys"]]
    weights.refuse_keys(name, missing, set(report["unexpected_keys"]), wrong)
    if how is not None:
        embeddings = getattr(network, "vision_model", network).embeddings
        clip = config.model_type == "clip_vision_model"
        table = embeddings.position_embedding.weight if clip else embeddings.position_embeddings
        embeddings.interpolate_pos_encoding = positions.Positions(table, config.patch_size, how)
    done: torch.nn.Module = network.float().eval().requires_grad_(False)
    return done


def load(name: str, path: Path, known: Architecture | None) -> torch.nn.Module:
    """The network in ``path``, a file or a folder, which must be the ``known`` one when that is given."""
    transformers()  # says so when it is missing, before any file is read
    state = weights.without_prefixes(weights.read(path), ("module.", "backbone.", "teacher."))
    if layouts.is_original(state):
        found = layouts.architecture(state)
        if known is not None and found != known:
            msg = f"load: weights must be those of {name}, {known}, got {found} in {path}"
            raise InputError(msg)
        state, config = layouts.to_hub(name, state, found), description(found)
    else:
        config = described_in(path if path.is_dir() else path.parent) if known is None else description(known)
    return build(name, config, state)


def _library_class(name: str) -> Any:
    library = transformers()
    if not hasattr(library, name):
        msg = f"load: {name} needs a newer version of transformers than {library.__version__}"
        raise InputError(msg)
    return getattr(library, name)


@contextmanager
def _silent() -> Iterator[None]:
    """No progress bar and no report of the library: missing keys become our own error."""
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
