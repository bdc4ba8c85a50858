"""Files of images, by what they hold and not by their suffix.

:func:`~spikeseg_core.data.formats.opening.open_volume` gives a
:class:`~spikeseg_core.data.formats.volume.Volume`: what the file declares, known before a pixel
is decoded. tifffile, Pillow, h5py and zarr do the reading; one module each.
"""
