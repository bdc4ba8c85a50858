"""Which format a file has, and what to do with formats that are not read."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from spikeseg_core.data.formats.volume import python_command, shown_name
from spikeseg_core.errors import DataError

READ = ("PNG", "TIFF", "HDF5", "zarr")
"""Formats that are read; zarr (OME-Zarr too) is a folder."""
OF_SEVERAL = ("HDF5", "zarr")
"""Formats that may hold images and labels together."""
IMAGE_SUFFIXES = (".png", ".tif", ".tiff", ".stk", ".lsm", ".btf", ".tf2", ".tf8")
HDF5_SUFFIXES = (".h5", ".hdf", ".hdf5", ".he5")

_LFS, _PAGE = "a pointer of Git LFS", "a web page"
_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\x93NUMPY", "NumPy"),
    (b"NRRD", "NRRD"),
    (b"MATLAB 7.3", "MATLAB 7.3"),
    (b"MATLAB 5.0", "MATLAB"),
    (b"P5", "PGM"),
    (b"ZISRAWFILE", "Zeiss CZI"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"SIMPLE  =", "FITS"),
    (b"# AmiraMesh", "Amira"),
    (b"%PDF", "PDF"),
    (b"version https://git-lfs", _LFS),
    (b"<!DOCTYPE html", _PAGE),
    (b"<!doctype html", _PAGE),
    (b"<html", _PAGE),
)
_WITHIN = (
    (8, b"WEBP", "WebP"),
    (344, b"n+1\0", "NIfTI"),
    (344, b"ni1\0", "NIfTI"),
    (4, b"n+2\0", "NIfTI"),
    (4, b"ni2\0", "NIfTI"),
    (128, b"DICM", "DICOM"),
    (208, b"MAP ", "MRC"),
    (208, b"MAP\0", "MRC"),
)
"""What says a format later in a file, and from which byte on."""
_SUFFIXES = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WebP",
    ".gif": "GIF",
    ".bmp": "BMP",
    ".jp2": "JPEG 2000",
    ".mrc": "MRC",
    ".mrcs": "MRC",
    ".rec": "MRC",
    ".ali": "MRC",
    ".nii": "NIfTI",
    ".hdr": "NIfTI",
    ".mha": "MetaImage",
    ".mhd": "MetaImage",
    ".avif": "AVIF",
    ".heic": "HEIC",
    ".tga": "TGA",
    ".jxl": "JPEG XL",
    ".exr": "OpenEXR",
    ".ppm": "PGM",
    ".pnm": "PGM",
    ".raw": "raw bytes",
    ".npy": "NumPy",
    ".npz": "NumPy archive",
    ".nrrd": "NRRD",
    ".pgm": "PGM",
    ".zarr": "zarr",
    ".n5": "N5",
    ".dm3": "Gatan DM",
    ".dm4": "Gatan DM",
    ".czi": "Zeiss CZI",
    ".nd2": "Nikon ND2",
    ".ims": "Imaris",
    ".mat": "MATLAB",
    ".svs": "Aperio SVS",
    ".dcm": "DICOM",
    ".fits": "FITS",
    ".am": "Amira",
    ".lif": "Leica LIF",
    ".oib": "Olympus OIB",
    ".vti": "VTK",
}
_PILLOW = ("JPEG", "WebP", "GIF", "BMP", "JPEG 2000", "PGM", "TGA", "AVIF")
_PACKED = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zip": "zip"}
_UNPACK = {"gzip": "gunzip", "bzip2": "bunzip2", "xz": "unxz", "zip": "unzip"}
_COMMANDS = {
    "MRC": "import mrcfile, tifffile; tifffile.imwrite(to, mrcfile.read(of))",
    "NIfTI": "import nibabel, numpy, tifffile; "
    "tifffile.imwrite(to, numpy.asarray(nibabel.load(of).dataobj).T)",
    "N5": "import zarr, tifffile; tifffile.imwrite(to, zarr.open(of, mode='r')['s0'][:])",
    "NumPy": "import numpy, tifffile; tifffile.imwrite(to, numpy.load(of))",
    "NumPy archive": "import numpy, tifffile; a = numpy.load(of); "
    "tifffile.imwrite(to, a[a.files[0]])",
    "MATLAB": "import scipy.io, tifffile; a = scipy.io.loadmat(of); "
    "tifffile.imwrite(to, [v for k, v in a.items() if k[0] != '_'][0].transpose(2, 0, 1))",
    "MATLAB 7.3": "import h5py, tifffile; a = [v for v in h5py.File(of).values() if "
    "hasattr(v, 'shape')][0]; tifffile.imwrite(to, a[:].swapaxes(-1, -2))",
    "MetaImage": "import SimpleITK as s, tifffile; "
    "tifffile.imwrite(to, s.GetArrayFromImage(s.ReadImage(of)))",
    "raw bytes": "import numpy, tifffile; tifffile.imwrite(to, "
    "numpy.fromfile(of, 'u1').reshape(SECTIONS, HEIGHT, WIDTH))",
    "NRRD": "import nrrd, tifffile; tifffile.imwrite(to, nrrd.read(of)[0].T)",
    # The modes I are grey of 16 bits.
    "Pillow": "from PIL import Image; i = Image.open(of); "
    "i.convert('I;16' if i.mode[0] == 'I' else 'L').save(to)",
}
"""Code that reads the file ``of`` and writes the file ``to``."""
_NO_IMAGE = {
    _LFS: "fetch the file itself with git lfs pull",
    _PAGE: "download the file again, logged in if its site asks for that",
    "PDF": "save its pictures as TIFF",
}
_NEEDS = {
    "MRC": "mrcfile",
    "NIfTI": "nibabel",
    "N5": "'zarr<3'",
    "NRRD": "pynrrd",
    "MetaImage": "SimpleITK",
}


def kind_of(path: Path) -> str | None:
    """Format of a file or folder of an image: by its first bytes, then by its suffix.

    Returns
    -------
    str or None
        One of :data:`READ`, another format, or None for what is no image.
    """
    if path.is_dir():
        members = (".zarray", ".zgroup", ".zattrs", "zarr.json")
        zarr = path.suffix.lower() == ".zarr" or any((path / name).is_file() for name in members)
        return "N5" if path.suffix.lower() == ".n5" else "zarr" if zarr else None
    if path.exists() and not path.is_file():
        raise DataError(
            f"{shown_name(path)} is neither a file nor a folder, but a pipe, socket or device; "
            "name a file"
        )
    try:
        with path.open("rb") as file:
            start = file.read(352)
    except OSError as error:
        raise DataError(
            f"{shown_name(path)} cannot be read ({error.strerror}); correct it or move it away"
        ) from error
    kind, promised = kind_of_bytes(start), kind_of_name(path.name)
    # Imaris pads its HDF5 to whole chunks.
    return promised if kind is None or promised == "Imaris" else kind


def kind_of_bytes(start: bytes) -> str | None:
    """Format by the first 352 bytes; None if they are unknown."""
    for at, magic, kind in _WITHIN:
        if start[at : at + len(magic)] == magic:
            return kind
    if start[:2] == b"BM" and start[6:10] != b"\0\0\0\0":
        return None
    return next((kind for magic, kind in _BEGINNINGS if start.startswith(magic)), None)


def kind_of_name(name: str) -> str | None:
    """Format that a file's suffix promises; None for no image."""
    low = name.lower()
    if low.endswith(".nii.gz"):
        return "NIfTI"
    suffix = Path(low).suffix
    if suffix in _PACKED and (inner := kind_of_name(low.removesuffix(suffix))):
        return "zarr in a zip" if inner == "zarr" else _PACKED[suffix]
    if suffix == ".png":
        return "PNG"
    if suffix in IMAGE_SUFFIXES:
        return "TIFF"
    return "HDF5" if suffix in HDF5_SUFFIXES else _SUFFIXES.get(suffix)


def refusal(path: Path, kind: str | None) -> str:
    """Say why a file is not read, and the command that converts it."""
    name = shown_name(path)
    if kind is None:
        return f"{name} is no image that is read; the formats are {', '.join(READ)}"
    if kind in _NO_IMAGE:
        return f"{name} is no image but {kind}: {_NO_IMAGE[kind]}"
    if kind in _UNPACK or kind == "zarr in a zip":
        into = f"unzip -d {quote(_stem(name))}"
        command = f"{_UNPACK.get(kind, into)} {quote(name)}"
        return f"{name} is packed ({kind}), which is not read: unpack it with {command}"
    code = _COMMANDS.get("Pillow" if kind in _PILLOW else kind)
    if code is None:
        return f"{name} is {kind}, which is not read: open it in Fiji and save it as TIFF"
    to = Path(path).with_name(_stem(path.name) + (".png" if kind in _PILLOW else ".tif"))
    command = python_command(f"import sys; of, to = sys.argv[1:]; {code}", path, to)
    first = f"pip install {_NEEDS[kind]} and " if kind in _NEEDS else ""
    why = (
        "which is not read because it changes grey values"
        if kind == "JPEG"
        else "which is not read"
    )
    return f"{name} is {kind}, {why}: {first}convert it with {command}"


def _stem(name: str) -> str:
    for suffix in (".nii.gz", ".ome.zarr"):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return Path(name).stem
