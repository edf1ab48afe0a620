"""Second program for the counter-based random numbers: Philox4x64-10 in whole numbers (Salmon, Moraes, Dror and
Shaw 2011, section 3.3): ten rounds, each two 128-bit products, the key bumped by Weyl constants between them."""

from __future__ import annotations

MODULUS = 2**64
MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
BUMPS = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)


def philox_words(key: tuple[int, int], counter: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    a, b, c, d = counter
    k, l = key
    for _ in range(10):
        left, right = MULTIPLIERS[0] * a, MULTIPLIERS[1] * c
        a, b, c, d = right // MODULUS ^ b ^ k, right % MODULUS, left // MODULUS ^ d ^ l, left % MODULUS
        k, l = (k + BUMPS[0]) % MODULUS, (l + BUMPS[1]) % MODULUS
    return a, b, c, d


def uniform(word: int) -> float:
    """The middle of the 2**52 equal parts of (0, 1) in which a word falls."""
    return (word // 2**12 + 0.5) / 2**52
