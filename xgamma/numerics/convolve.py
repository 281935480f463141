"""Convolution, and sums over a neighbourhood of each pixel: discs and rings, by FFT."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import fft

__all__ = ["convolve_same", "convolve_separable", "disk_kernel", "kernel_sum", "ring_kernel"]

# Up to this half size a sum of cosines is faster than a transform.
LARGEST_EVEN = 32
SMALL_PRODUCT = 200_000
# Below this number of pixels in all, threads take longer to start than they save.
LARGE_CUBE = 200_000
MOST_THREADS = 8
# Radii that name a whole number of pixels in degrees miss it by rounding.
TOLERANCE = 1e-9


def _squared_radius(r_out: tuple[float, float]) -> np.ndarray:
    """Return the squared distance from the middle in units of the radius, on a grid that holds it."""
    ny, nx = (int(np.floor(r * (1.0 + TOLERANCE))) for r in (r_out[1], r_out[0]))
    y, x = np.mgrid[-ny : ny + 1, -nx : nx + 1]
    scale = [max(r, np.finfo(float).tiny) for r in r_out]
    values: np.ndarray = (x / scale[0]) ** 2 + (y / scale[1]) ** 2
    return values


def disk_kernel(radius: tuple[float, float]) -> np.ndarray:
    """Return a disc of ones.

    Parameters
    ----------
    radius : (float, float)
        Radius in pixels along x and y.

    Returns
    -------
    kernel : ndarray
        Shape (odd, odd), one where the pixel centre is not farther than the radius.

    Examples
    --------
    >>> int(disk_kernel((1.0, 1.0)).sum())
    5
    """
    return (_squared_radius(radius) <= 1.0 + TOLERANCE).astype(float)


def ring_kernel(r_in: tuple[float, float], r_out: tuple[float, float]) -> np.ndarray:
    """Return a ring of ones.

    Parameters
    ----------
    r_in, r_out : (float, float)
        Inner and outer radius in pixels along x and y; both belong to the ring.

    Returns
    -------
    kernel : ndarray
        Shape (odd, odd).

    Examples
    --------
    >>> ring_kernel((1.0, 1.0), (1.0, 1.0)).astype(int)
    array([[0, 1, 0],
           [1, 0, 1],
           [0, 1, 0]])
    """
    outer = _squared_radius(r_out)
    if min(r_in) < TOLERANCE * min(r_out):
        return (outer <= 1.0 + TOLERANCE).astype(float)
    inner = outer * (r_out[0] / r_in[0]) ** 2
    return ((outer <= 1.0 + TOLERANCE) & (inner >= 1.0 - TOLERANCE)).astype(float)


def kernel_sum(images: np.ndarray, kernels: list[np.ndarray]) -> list[np.ndarray]:
    """Sum images over kernels of zeros and ones centred on each pixel; zero beyond the edges.

    Parameters
    ----------
    images : ndarray
        Shape (..., ny, nx), not negative.
    kernels : list of ndarray
        Each of shape (odd, odd).

    Returns
    -------
    sums : list of ndarray
        One array shaped like `images` for each kernel; int64 for integers (exact), else
        float64: never negative, and exactly zero where nothing but zeros was summed.
    """
    whole = images.dtype.kind in "iub"
    ny, nx = images.shape[-2:]
    height = max(k.shape[0] for k in kernels)
    width = max(k.shape[1] for k in kernels)
    shape = (
        fft.next_fast_len(ny + height // 2, real=True),
        fft.next_fast_len(nx + width // 2, real=True),
    )
    planes = [images.astype(float, copy=False)]
    if not whole:
        planes.append((images > 0).astype(float))
    spectra = [fft.rfft2(plane, shape) for plane in planes]
    sums = []
    for kernel in kernels:
        transfer = fft.rfft2(_centered(kernel, shape), shape)
        found = [fft.irfft2(s * transfer, shape)[..., :ny, :nx] for s in spectra]
        if whole:
            sums.append(np.rint(found[0]).astype(np.int64))
            continue
        total = np.maximum(found[0], 0.0)
        total[found[1] < 0.5] = 0.0
        sums.append(total)
    return sums


def convolve_same(images: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """Convolve images with kernels by FFT, image by image; nothing beyond the edges.

    Parameters
    ----------
    images : ndarray
        Shape (..., ny, nx).
    kernels : ndarray
        Shape (odd, odd), or (..., odd, odd) with dimensions that fit those of the images.

    Returns
    -------
    convolved : ndarray
        Same shape, float64; not negative where neither images nor kernel are.
    """
    height, width = _fft_shape(images, kernels.shape[-2:])
    spectrum = _even_spectrum if _even(kernels) else _spectrum
    shape = np.broadcast_shapes(images.shape[:-2], kernels.shape[:-2])
    one = kernels.size == kernels.shape[-2] * kernels.shape[-1]
    each = np.broadcast_to(kernels, (*shape, *kernels.shape[-2:]))
    common = spectrum(kernels.reshape(kernels.shape[-2:]), height, width) if one else None

    def transfer(index: tuple[int, ...]) -> np.ndarray:
        return spectrum(each[index], height, width) if common is None else common

    return _filtered(images, kernels.shape[-2:], transfer, bool((kernels >= 0).all()))


def convolve_separable(images: np.ndarray, along_y: np.ndarray, along_x: np.ndarray) -> np.ndarray:
    """Convolve images with the outer product of two kernels; see `convolve_same`.

    Parameters
    ----------
    images : ndarray
        Shape (..., ny, nx).
    along_y, along_x : ndarray
        One-dimensional kernels of odd size.

    Returns
    -------
    convolved : ndarray
        Same shape, float64.
    """
    sides = (along_y.size, along_x.size)
    height, width = _fft_shape(images, sides)
    # The spectrum of a product is the product of the spectra.
    common = np.multiply.outer(fft.fft(along_y, height), fft.rfft(along_x, width))
    positive = bool((along_y >= 0).all() and (along_x >= 0).all())
    return _filtered(images, sides, lambda index: common, positive)


def _fft_shape(images: np.ndarray, sides: tuple[int, ...]) -> tuple[int, int]:
    """Return a size where what wraps around misses the image by half a kernel."""
    ny, nx = images.shape[-2:]
    height = max(ny + sides[0] // 2, sides[0])
    return fft.next_fast_len(height), fft.next_fast_len(max(nx + sides[1] // 2, sides[1]), True)


def _spectrum(image: np.ndarray, height: int, width: int) -> np.ndarray:
    rows = fft.rfft(image.astype(float, copy=False), width, axis=1)
    values: np.ndarray = fft.fft(rows, height, axis=0, overwrite_x=True)
    return values


def _even(kernels: np.ndarray) -> bool:
    """Return whether kernels are small and their own mirror images, to rounding, as a PSF's."""
    tolerance = 1e-13 * np.abs(kernels).max()
    return max(kernels.shape[-2:]) < 2 * LARGEST_EVEN and all(
        np.abs(kernels - np.flip(kernels, axis)).max() <= tolerance for axis in (-2, -1)
    )


def _even_spectrum(kernel: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the spectrum, which is real, of a kernel that is its own mirror image, about its middle."""
    half = [n // 2 for n in kernel.shape]
    folded = kernel[half[0] :, half[1] :].copy()
    folded[1:] *= 2
    folded[:, 1:] *= 2
    along_y = _cosines(height, half[0], height)
    along_x = _cosines(width // 2 + 1, half[1], width)
    rows = folded @ along_x.T
    out = np.empty((height, rows.shape[1]))
    # Small products stay in this thread: BLAS wakes others for large ones, which then wait.
    step = max(SMALL_PRODUCT // rows.size, 1)
    for first in range(0, height, step):
        np.matmul(along_y[first : first + step], rows, out=out[first : first + step])
    return out


@functools.lru_cache(maxsize=8)
def _cosines(rows: int, half: int, period: int) -> np.ndarray:
    product = np.multiply.outer(np.arange(rows), np.arange(half + 1)) % period
    return np.cos(2 * np.pi * product / period)


def _filtered(
    images: np.ndarray,
    sides: tuple[int, ...],
    transfer: Callable[[tuple[int, ...]], np.ndarray],
    positive: bool,
) -> np.ndarray:
    """Multiply the spectra of images with transfer functions, one by one.

    One by one they stay in the processor's cache: twice as fast as all at once. Large cubes are
    shared between threads, for transforms let other threads run.
    """
    height, width = _fft_shape(images, sides)
    halves = [n // 2 for n in sides]
    ny, nx = images.shape[-2:]
    out = np.empty(images.shape)

    def filter_one(index: tuple[int, ...]) -> None:
        product = _spectrum(images[index], height, width)
        factor = transfer(index)
        product *= factor
        # A real spectrum is that of a kernel about its middle, a complex one begins at its corner.
        top, left = halves if np.iscomplexobj(factor) else (0, 0)
        rows = fft.ifft(product, axis=0, overwrite_x=True)[top : top + ny]
        plane = fft.irfft(rows, width, overwrite_x=True)[:, left : left + nx]
        if positive and images[index].min() >= 0:
            # The transform leaves rounding of either sign where there is nothing.
            np.maximum(plane, 0.0, out=out[index])
        else:
            out[index] = plane

    each = list(np.ndindex(images.shape[:-2]))
    threads = min(len(each), MOST_THREADS, os.cpu_count() or 1)
    if threads > 1 and images.size > LARGE_CUBE:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(filter_one, each))
    else:
        for index in each:
            filter_one(index)
    return out


def _centered(kernel: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the kernel in a larger frame with its middle at the origin, wrapped around."""
    if kernel.shape[0] > shape[0] or kernel.shape[1] > shape[1]:
        kernel = _cropped(kernel, shape)
    frame = np.zeros(shape)
    frame[: kernel.shape[0], : kernel.shape[1]] = kernel
    return np.roll(frame, (-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)), axis=(0, 1))


def _cropped(kernel: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the middle part of a kernel that is larger than the frame."""
    parts = []
    for size, limit in zip(kernel.shape, shape, strict=True):
        half = min(size // 2, (limit - 1) // 2)
        parts.append(slice(size // 2 - half, size // 2 + half + 1))
    return kernel[tuple(parts)]
