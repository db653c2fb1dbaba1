"""A newer release of the product, for tests of upgrades: one migration that works and one that fails."""
