"""The product's password hash, made to cost nothing."""

from guanxi.core.people.passwords import Hasher


class CheapHasher(Hasher):
    """The same algorithm and normal form, with the least work."""

    time_cost = 1
    memory_cost = 8
