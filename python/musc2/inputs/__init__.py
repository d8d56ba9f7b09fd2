"""What users pass, found, paired, read and prepared: from paths, arrays and images to what encoders take.

    samples = inputs.pair(rgb, pcd, intrinsics=None, masks=None, names=None)     # list of Sample, nothing read yet
    samples[3].name, samples[3].path                                             # "000", Path("parts/000.png")
    samples[3].image.read(), samples[3].cloud.read()                             # one picture, one (H, W, 3) or (P, 3)

    how = inputs.Preparation(size=224, resample="bicubic", resize="square", patch=8, foreground="depth")
    for part in inputs.prepare(samples, how):                                    # Prepared, in order, in threads
        part.image, part.image_size                                              # (3, h, w) in [0, 1]; (H, W) it had
        part.cloud.points, part.cloud.pixels, part.cloud.size, part.cloud_size   # (P, 3), (P,), (h, w), (H, W)
        part.mask
    for part in inputs.prepare(samples, how, on_error="skip"):                   # Prepared or Failure
        ...                                                                      # failure.sample, failure.error

    inputs.images(rgb), inputs.clouds(pcd, intrinsics), inputs.foreground(masks) # lists of Source, one modality each
    inputs.prepare_image(image, 224)                                             # one image of any kind
    inputs.prepare_cloud(xyz, 224, foreground="published", mask=None)            # one map or cloud of any kind: Points
    inputs.target_size((480, 640), 224, "fit", patch=8)                            # (168, 224)

Arrays are never changed. Errors are InputErrors that name the argument, the index and the file.
"""

from musc2.inputs.masks import foreground
from musc2.inputs.pairing import pair
from musc2.inputs.pictures import images
from musc2.inputs.preparation import Preparation
from musc2.inputs.preparing import Points, prepare_cloud, prepare_image
from musc2.inputs.reading import Failure, Prepared, prepare
from musc2.inputs.resizing import target_size
from musc2.inputs.sources import Picture, Sample, Source
from musc2.inputs.surfaces import clouds

__all__ = [
    "Failure",
    "Picture",
    "Points",
    "Preparation",
    "Prepared",
    "Sample",
    "Source",
    "clouds",
    "foreground",
    "images",
    "pair",
    "prepare",
    "prepare_cloud",
    "prepare_image",
    "target_size",
]
