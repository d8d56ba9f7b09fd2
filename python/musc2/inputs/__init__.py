"""Read the images, scans and masks of parts and prepare them for the encoders.

    samples = inputs.pair(rgb, pcd, intrinsics=None, masks=None, names=None)  # nothing read yet
    samples[3].name, samples[3].path                          # "000", Path("parts/000.png")
    samples[3].image.read(), samples[3].cloud.read()          # Picture, (H, W, 3) or (P, 3)

    preparation = inputs.Preparation(size=224, resample="bicubic", resize="square", patch=8)
    prepared = inputs.prepare(samples[3], preparation)        # one sample
    prepared.image, prepared.image_size                       # (3, h, w) in [0, 1]; (H, W)
    prepared.cloud.points, prepared.cloud.pixels              # (P, 3), (P,)
    inputs.load(samples, preparation, on_error="skip", threads=2, ahead=4)  # many, in threads

    inputs.list_images(rgb), inputs.list_clouds(pcd, intrinsics), inputs.list_masks(masks)
    inputs.prepare_image(image, preparation), inputs.prepare_cloud(xyz, preparation, mask=None)

Arrays are never changed. Errors are InputErrors that name the argument, the index and the file.
"""

from musc2.inputs._survey.notes import warn_unusual
from musc2.inputs.clouds import list_clouds, read_cloud, read_depth
from musc2.inputs.images import list_images, read_image
from musc2.inputs.items import portable
from musc2.inputs.loading import LoadError, Prepared, load, prepare
from musc2.inputs.masks import list_masks
from musc2.inputs.pairing import pair
from musc2.inputs.preparation import Points, Preparation, prepare_cloud, prepare_image
from musc2.inputs.sample import Label, Picture, Sample, Source

__all__ = [
    "Label",
    "LoadError",
    "Picture",
    "Points",
    "Preparation",
    "Prepared",
    "Sample",
    "Source",
    "list_clouds",
    "list_images",
    "list_masks",
    "load",
    "pair",
    "portable",
    "prepare",
    "prepare_cloud",
    "prepare_image",
    "read_cloud",
    "read_depth",
    "read_image",
    "warn_unusual",
]
