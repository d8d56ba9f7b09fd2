"""Data sets, data loaders, generators and dictionaries instead of lists."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from parts import score_small
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset

from musc2.errors import InputError
from musc2.inputs import pair


class Photos(Dataset):
    """Images with what else ``entry`` puts beside them; reads are counted."""

    def __init__(self, images, entry=lambda image, index: image):
        self.images, self.entry, self.reads = images, entry, []

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        self.reads.append(index)
        return self.entry(self.images[index], index)


class Stream(IterableDataset):
    """A stream that also tells its length."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __iter__(self):
        return iter(self.images)


@dataclass
class Item:
    """What anomalib's data sets give."""

    image: object
    label: int = 0


ENTRIES = {
    "image": lambda image, index: image,
    "tuple": lambda image, index: (image, index % 2),
    "list": lambda image, index: [image, index % 2],
    "dictionary": lambda image, index: {"label": index % 2, "image": image},
    "first of a dictionary": lambda image, index: {"pixels": image, "label": index % 2},
    "object": lambda image, index: Item(image),
}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_a_data_set_is_scored_as_the_list_of_its_images(rgb, entry):
    expected = score_small(list(rgb))
    assert torch.equal(score_small(Photos(rgb, entry)).scores, expected.scores)
    generator = (entry(image, index) for index, image in enumerate(rgb))
    assert torch.equal(score_small(generator).scores, expected.scores)


def test_a_data_set_is_read_once_and_not_before_it_is_needed(rgb):
    photos = Photos(rgb)
    samples = pair(photos)
    assert photos.reads == []
    assert [sample.name for sample in samples] == ["0", "1", "2", "3", "4"]
    score_small(photos)
    assert sorted(photos.reads) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("entry", ["image", "tuple", "dictionary"])
@pytest.mark.parametrize("batch_size", [None, 1, 2])
def test_batches_of_a_data_loader_are_taken_apart(rgb, entry, batch_size):
    tensors = torch.from_numpy(rgb).permute(0, 3, 1, 2)
    loader = DataLoader(Photos(tensors, ENTRIES[entry]), batch_size=batch_size)
    assert torch.equal(score_small(loader).scores, score_small(list(rgb)).scores)


@pytest.mark.parametrize("entry", ["image", "tuple", "dictionary"])
def test_batches_that_are_not_collated_are_lists_of_entries(rgb, entry):
    loader = DataLoader(Photos(rgb, ENTRIES[entry]), batch_size=3, collate_fn=list)
    assert torch.equal(score_small(loader).scores, score_small(list(rgb)).scores)


@pytest.mark.parametrize(
    "wrap",
    [Stream, iter, lambda images: Subset(Photos(images), range(5)), lambda x: map(np.array, x)],
)
def test_streams_and_subsets(rgb, wrap):
    assert torch.equal(score_small(wrap(rgb)).scores, score_small(list(rgb)).scores)


def test_scans_and_references_come_in_containers_too(rgb, pcd):
    expected = score_small(rgb[:2], pcd[:2], references={"rgb": rgb[2:], "pcd": pcd[2:]})
    references = {"rgb": Photos(rgb[2:]), "pcd": (xyz for xyz in pcd[2:])}
    result = score_small(Photos(rgb[:2]), Photos(pcd[:2]), references=references)
    assert torch.equal(result.scores, expected.scores)


def test_the_keys_of_a_dictionary_are_the_names(rgb):
    result = score_small({f"plate {index}": image for index, image in enumerate(rgb)})
    assert result.names == [f"plate {index}" for index in range(5)]
    assert torch.equal(result.scores, score_small(rgb).scores)


def test_dictionaries_are_matched_by_key(rgb, pcd):
    images = dict(zip("abcde", rgb, strict=True))
    scans = dict(zip("edcba", pcd[::-1], strict=True))
    result = score_small(images, scans)
    assert result.names == list("abcde")
    assert torch.equal(result.scores, score_small(rgb, pcd).scores)


class Broken(Photos):
    """A data set that cannot read its third image."""

    def __getitem__(self, index):
        if index == 2:
            msg = "the disk is gone"
            raise OSError(msg)
        return super().__getitem__(index)


def batches(value):
    return DataLoader(Photos([0, 0]), batch_size=2, collate_fn=lambda entries: value)


REFUSED = {
    "rgb must hold at least one sample, got none": ([], {}, iter(()), Photos([])),
    "rgb must have names of parts as its keys, got 7": ({7: np.zeros((4, 4, 3))},),
    "rgb must be an array, a list .*, got set": ({"a.png", "b.png"},),
    r"rgb\[0\] must be an array, an image or a path, got int": (iter([1, 2]),),
    r"rgb\[0\] must be an array, an image or a path, got NoneType": (iter([{}]), iter([()])),
    "batch 0 of rgb must hold images, got int": (batches(5), batches({"image": 5})),
}
CASES = [(message, value) for message, values in REFUSED.items() for value in values]


@pytest.mark.parametrize(("message", "value"), CASES)
def test_what_is_no_container_of_images_is_refused(message, value):
    with pytest.raises(InputError, match=f"^score: {message}"):
        score_small(value)


def test_an_entry_that_cannot_be_read_is_named(rgb):
    message = r"score: rgb\[2\] must be readable, got OSError: the disk is gone"
    with pytest.raises(InputError, match=message):
        score_small(Broken(rgb))
    photos = Photos(rgb, lambda image, index: "text" if index == 3 else image)
    with pytest.raises(InputError, match=r"score: rgb\[3\]"):
        score_small(photos)


def test_dictionaries_with_other_keys_are_refused(rgb, pcd):
    images, scans = dict(zip("abcde", rgb, strict=True)), dict(zip("abcdf", pcd, strict=True))
    message = "score: pcd must have the keys of rgb, got 'e' in only one of the two"
    with pytest.raises(InputError, match=message):
        score_small(images, scans)
    with pytest.raises(InputError, match="pcd must be a dictionary exactly when rgb is, got nd"):
        score_small(images, pcd)
