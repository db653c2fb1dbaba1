"""The product's settings with the toy area beside the real ones, and a password hash that costs nothing."""

from guanxi.config.settings import *  # noqa: F403
from guanxi.config.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.fakes"]
STATIC_ROOT = None
PASSWORD_HASHERS = ["tests.hashing.CheapHasher"]
