"""Views derived from entities through the registry, and the few pages that belong to no entity."""
