"""Weights in the caches of this machine, and fetching into them."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import secrets
import shutil
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path

import torch

from musc2.errors import FetchError, InputError

TIMEOUT = 10.0  # seconds that a server may take to answer
_BY_HAND = "without a network, bring the files by hand: `musc2 weights add FILE`"
_CONFIGS = ("config.json", "preprocessor_config.json")
# The weights of a repository: a file or an index of shards. Later forms are read if there are no
# earlier ones.
_HUB_FORMS = (
    ("model.safetensors", "model.safetensors.index.json", "model-*.safetensors"),
    ("pytorch_model.bin", "pytorch_model.bin.index.json", "pytorch_model-*.bin"),
)


def cache_folder() -> Path:
    """Return the folder of fetched weights: MUSC2_CACHE, else musc2 in the user's cache folder."""
    own = os.environ.get("MUSC2_CACHE")
    if own:
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "musc2"


def torch_hub_file(name: str) -> Path | None:
    """Return the file that torch.hub has downloaded under this name."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    return path if path.is_file() else None


def hub_folder(repository: str) -> Path | None:
    """Return the newest complete copy of a Hugging Face repository's weights in the local cache."""
    if importlib.util.find_spec("huggingface_hub") is None:
        return None
    import huggingface_hub
    from huggingface_hub import constants

    cache = constants.HF_HUB_CACHE
    for file, index, _ in _HUB_FORMS:
        for name in (file, index):
            path = huggingface_hub.try_to_load_from_cache(repository, name, cache_dir=cache)
            if isinstance(path, str) and (name == file or _has_all_shards(Path(path))):
                return Path(path).parent
    return None


def fetch_from_hub(repository: str) -> Path:
    """Download the configuration and weights of a Hugging Face repository into its local cache.

    Weights as safetensors are preferred; pickles are fetched only if there are none.
    """
    import huggingface_hub
    from huggingface_hub import constants, errors

    if constants.HF_HUB_OFFLINE:
        msg = f"fetch: HF_HUB_OFFLINE is set, so {repository} cannot be fetched"
        raise FetchError(msg)
    try:
        _check_reachable(constants.ENDPOINT)
        for patterns in _HUB_FORMS:
            huggingface_hub.snapshot_download(
                repository,
                allow_patterns=[*_CONFIGS, *patterns],
                cache_dir=constants.HF_HUB_CACHE,
            )
            folder = hub_folder(repository)
            if folder is not None:
                return folder
    except errors.GatedRepoError as error:
        msg = f"fetch: log in and accept the terms of {repository} on {constants.ENDPOINT} first"
        raise FetchError(msg) from error
    except errors.RepositoryNotFoundError as error:
        msg = f"fetch: {constants.ENDPOINT} has no repository {repository} that you may read"
        raise FetchError(msg) from error
    except Exception as error:  # the hub's client raises what its HTTP library raises
        problem = f"{repository} could not be fetched from {constants.ENDPOINT} ({error})"
        msg = f"fetch: {problem}; {_BY_HAND}"
        raise FetchError(msg) from error
    msg = f"fetch: {repository} has neither {_HUB_FORMS[0][0]} nor {_HUB_FORMS[1][0]}"
    raise FetchError(msg)


def fetch_file(url: str, path: Path, *, sha256: str | None = None) -> Path:
    """Download ``url`` to ``path``, which appears when it is complete.

    ``sha256`` is the beginning of its hash, if that is known. The hash of the file is recorded
    beside it; ``check_recorded_hash`` compares the two later.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{secrets.token_hex(8)}.part")
    record = _hash_file(path)
    try:
        _download(url, partial, sha256)
        record.unlink(missing_ok=True)
        fetched_hash = file_hash(partial)
        partial.replace(path)
        record.write_text(f"{fetched_hash}\n", encoding="utf-8")
    finally:
        partial.unlink(missing_ok=True)
    return path


def store(source: Path, name: str, file_name: str | None = None) -> Path:
    """Copy a file of weights or the files of a folder into the cache and return their place.

    They take the place of weights that the cache holds under this name.
    """
    folder = cache_folder() / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{secrets.token_hex(8)}.part")
    temporary.mkdir()
    try:
        if source.is_dir():
            for file in sorted(source.iterdir()):
                if file.is_file():
                    shutil.copyfile(file, temporary / file.name)
        else:
            shutil.copyfile(source, temporary / (file_name or source.name))
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def check_recorded_hash(path: Path) -> None:
    """Raise if ``path`` is not the file that was fetched; files without a record pass."""
    record = _hash_file(path)
    if record.is_file() and record.read_text(encoding="utf-8").strip() != file_hash(path):
        msg = f"load: {path} has changed since it was fetched; delete it and fetch it again"
        raise InputError(msg)


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def missing_weights(name: str, source: str) -> InputError:
    """Return the error for weights that no cache holds."""
    return InputError(
        f"load: weights of {name} are not on this machine; fetch them with "
        f"`musc2 weights fetch {name}` or load({name!r}, download=True), from {source}, bring them "
        f"by hand with `musc2 weights add FILE --as {name}`, or pass weights=FILE or FOLDER"
    )


def _download(url: str, path: Path, sha256: str | None) -> None:
    """Download ``url`` to ``path`` and check its hash and its length, which torch does not."""
    show_progress = sys.stderr.isatty()
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            length = response.headers.get("Content-Length")
        torch.hub.download_url_to_file(url, str(path), sha256, progress=show_progress)
    except RuntimeError as error:  # another hash
        msg = f"fetch: {url} is not the expected file: {error}"
        raise FetchError(msg) from error
    except OSError as error:  # urllib's errors are subclasses
        msg = f"fetch: {url} could not be fetched ({error}); {_BY_HAND}"
        raise FetchError(msg) from error
    size = path.stat().st_size
    if length is not None and size != int(length):
        msg = f"fetch: {url} broke off after {size} of {length} bytes"
        raise FetchError(msg)


def _check_reachable(url: str) -> None:
    """Raise an OSError unless the server answers; the hub's client may wait for minutes."""
    request = urllib.request.Request(url, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=TIMEOUT).close()
    except urllib.error.HTTPError:
        return  # an answer
    except urllib.error.URLError as error:
        if not isinstance(error.reason, ssl.SSLError):  # the client has certificates of its own
            raise


def _has_all_shards(index: Path) -> bool:
    """Return whether all files that an index of shards names lie beside it."""
    try:
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # not an index
        return False
    return bool(shards) and all((index.parent / shard).exists() for shard in shards)


def _hash_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")
