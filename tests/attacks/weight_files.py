"""Small weight files that a fuzzer starts from, and changes that leave their checksums right."""

import io
import random
import zipfile

import numpy as np
import torch

SPARE = 64  # bytes that a part of a file may grow by


def saved(value):
    """Return the bytes that torch writes."""
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def seeds(keys):
    """Return weight files of each kind by name; keys: some of the network that they are for."""
    from safetensors.torch import save

    tensors = {"a": torch.ones(2, 2), "b": torch.zeros(3)}
    kinds = {
        "half": torch.ones(2, dtype=torch.float16),
        "short": torch.ones(2, dtype=torch.bfloat16),
        "whole": torch.arange(3),
        "flag": torch.tensor([True]),
    }
    of_network = {f"module.base_model.{key}": torch.zeros(1) for key in keys[:6]}
    deep = tensors
    for _ in range(20):
        deep = {"model": deep}
    scalars = {"epoch": 3, "loss": np.float64(0.5), "model": tensors}
    values = {
        "teacher": {"teacher": tensors},
        "state": {"state_dict": {"model": of_network}},
        "deep": deep,
        "scalars": scalars,
        "kinds": kinds,
        "list": [torch.ones(1)],
        "empty": {},
        "shared": {"a": tensors["a"], "b": tensors["a"][0], "c": torch.nn.Parameter(tensors["b"])},
    }
    files = {f"{name}.pth": saved(value) for name, value in values.items()}
    files["kinds.safetensors"] = save(kinds, metadata={"format": "pt"})
    files["network.safetensors"] = save(of_network)
    arrays = io.BytesIO()
    np.savez(arrays, whole=np.arange(3), real=np.ones((2, 2)), text=np.array(["a"]), **tensors)
    files["kinds.npz"] = arrays.getvalue()
    return files


def mutated(data, seed, mutate):
    """Return a file with one part changed; what tells its length or checksum is made to fit.

    mutate: from bytes and a largest length to other bytes. A file of no parts changes as it is.
    """
    choice = random.Random(seed)
    if data[:2] == b"PK":
        return _of_archive(data, choice, mutate)
    length = int.from_bytes(data[:8], "little")
    if data[8:9] == b"{" and length < len(data):
        header, body = data[8 : 8 + length], data[8 + length :]
        header = mutate(header, len(header) + SPARE)
        return len(header).to_bytes(8, "little") + header + body
    return mutate(data, len(data) + SPARE)


def _of_archive(data, choice, mutate):
    """Return a zip archive with one of its members changed, pickles more often than others."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(name, archive.read(name)) for name in archive.namelist()]
    except Exception:  # an archive that was damaged before
        return mutate(data, len(data) + SPARE)
    pickles = [number for number, (name, _) in enumerate(members) if name.endswith(".pkl")]
    numbers = range(len(members))
    if not members:
        return mutate(data, len(data) + SPARE)
    chosen = choice.choice(pickles if pickles and choice.random() < 0.7 else numbers)
    changed = io.BytesIO()
    with zipfile.ZipFile(changed, "w") as archive:
        for number, (name, content) in enumerate(members):
            if number == chosen:
                content = mutate(content, len(content) + SPARE)
            archive.writestr(name, content)
    return changed.getvalue()
