"""A toy area: the core serves it like any other, which shows that it knows no area."""
