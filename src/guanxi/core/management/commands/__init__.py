"""Commands of Django that this product changes."""
