"""Weights that are not given: the caches of this machine, and fetching into them."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import torch

from musc2.errors import FetchError, InputError

PATIENCE = 1.5  # seconds in which a network that is there answers
_HUB_FILES = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")


def cache_folder() -> Path:
    """Where musc2 keeps what it fetched: MUSC2_CACHE, else musc2 in the user's cache folder."""
    if own := os.environ.get("MUSC2_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "musc2"


def torch_hub_file(name: str) -> Path | None:
    """The file that torch.hub has downloaded under this name."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    return path if path.is_file() else None


def hub_folder(repository: str) -> Path | None:
    """The newest complete copy of a Hugging Face repository's weights in the local cache."""
    if importlib.util.find_spec("huggingface_hub") is None:
        return None
    import huggingface_hub
    from huggingface_hub import constants

    for file in _HUB_FILES:
        found = huggingface_hub.try_to_load_from_cache(repository, file, cache_dir=constants.HF_HUB_CACHE)
        if isinstance(found, str) and (not file.endswith(".json") or _complete(Path(found))):
            return Path(found).parent
    return None


def fetch_from_hub(repository: str) -> Path:
    """Downloads the configuration and weights of a Hugging Face repository into its local cache."""
    import huggingface_hub
    from huggingface_hub import constants, errors

    if constants.HF_HUB_OFFLINE:
        msg = f"fetch: {repository} is to be fetched, and HF_HUB_OFFLINE forbids it"
        raise FetchError(msg)
    require_network(constants.ENDPOINT, repository)
    try:
        files = huggingface_hub.list_repo_files(repository)
        shape = r"model(-.*)?\.safetensors(\.index\.json)?"
        if not any(re.fullmatch(shape, file) for file in files):
            shape = r"pytorch_model(-.*)?\.bin(\.index\.json)?"
        wanted = [file for file in files if re.fullmatch(shape, file)]
        wanted += [file for file in ("config.json", "preprocessor_config.json") if file in files]
        paths = [Path(huggingface_hub.hf_hub_download(repository, file)) for file in wanted]
    except errors.GatedRepoError as error:
        msg = f"fetch: {repository} is given only to those who accept its terms on {constants.ENDPOINT} and log in"
        raise FetchError(msg) from error
    except (errors.HfHubHTTPError, errors.RepositoryNotFoundError, OSError) as error:
        msg = f"fetch: {repository} could not be fetched from {constants.ENDPOINT}: {error}"
        raise FetchError(msg) from error
    return paths[0].parent


def fetch_file(url: str, path: Path) -> Path:
    """Downloads ``url`` to ``path``, which appears only when it is complete."""
    require_network(url, path.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with urllib.request.urlopen(url, timeout=30) as source, partial.open("wb") as target:
            shutil.copyfileobj(source, target)
            promised = source.headers.get("Content-Length")
        if promised is not None and partial.stat().st_size != int(promised):
            msg = f"fetch: {url} broke off after {partial.stat().st_size} of {promised} bytes"
            raise FetchError(msg)
        partial.replace(path)
    except OSError as error:  # of which urllib's errors are a kind
        msg = f"fetch: {url} could not be fetched: {error}"
        raise FetchError(msg) from error
    finally:
        partial.unlink(missing_ok=True)
    return path


def require_network(url: str, what: str) -> None:
    """Returns when the host of ``url``, or the proxy before it, takes connections; says so in 2 seconds when not."""
    parts = urllib.parse.urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(parts.hostname or ""):
        parts = urllib.parse.urlsplit(proxy if "//" in proxy else f"//{proxy}", scheme="http")
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    answers: list[str] = []
    # In a thread of its own: the look-up of a name has no time limit.
    caller = threading.Thread(target=lambda: answers.append(_connect(host, port)), daemon=True)
    caller.start()
    caller.join(PATIENCE)
    reason = answers[0] if answers else f"no answer in {PATIENCE} seconds"
    if reason:
        msg = (
            f"fetch: no network for {what}: {host}:{port} cannot be reached ({reason}); "
            "bring its files by hand and pass weights=FOLDER"
        )
        raise FetchError(msg)


def not_here(name: str, place: str) -> InputError:
    """The error for weights that no cache holds."""
    return InputError(
        f"load: weights of {name} are not on this machine; fetch them with `musc2 weights fetch {name}` or "
        f"load({name!r}, download=True), from {place}, or pass weights=FILE or FOLDER"
    )


def _complete(index: Path) -> bool:
    shards = set(re.findall(r'"([^"]+\.(?:safetensors|bin))"', index.read_text(encoding="utf-8")))
    return bool(shards) and all((index.parent / shard).exists() for shard in shards)


def _connect(host: str, port: int) -> str:
    try:
        socket.create_connection((host, port), timeout=PATIENCE).close()
    except (OSError, ValueError) as error:  # a name that no encoding takes is a ValueError
        return str(error)
    return ""
