"""The product's settings with what the newer release adds."""

from guanxi.config.settings import *  # noqa: F403
from guanxi.config.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.newer"]
