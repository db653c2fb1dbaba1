"""The product's settings with the toy area beside the real ones, and a password hash that costs nothing."""

from guanxi.config.settings import *  # noqa: F403
from guanxi.config.settings import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.fakes"]
STATIC_ROOT = None
PASSWORD_HASHERS = ["tests.hashing.CheapHasher"]
# Transactional tests empty every table behind them, the audit's too, which the database would refuse otherwise.
DATABASES["default"]["OPTIONS"]["options"] = "-c guanxi.throw_away=on"
