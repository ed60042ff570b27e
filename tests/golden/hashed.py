"""Numbers that tests/golden/hashed.h computes, too, so that they need not lie in files."""

import numpy as np


def seed_of(name):
    seed = 0
    for letter in name.encode():
        seed = (seed * 31 + letter) % 2**32
    return seed


def words(name, count):
    """32-bit words: a multiplicative hash of the index, then the finalizer of MurmurHash3."""
    h = np.arange(count, dtype=np.uint64) * 2654435761 + seed_of(name)
    h = (h % 2**32).astype(np.uint32)
    h ^= h >> 16
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> 13
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> 16
    return h


def uniform(name, shape, low=0.0, high=1.0):
    """Between `low` and `high`, in steps of 2^-24 of the way."""
    unit = (words(name, int(np.prod(shape))) >> 8).astype(np.float64) * 2.0**-24
    return (low + (high - low) * unit).reshape(shape).astype(np.float32)
