"""``guanxi bench``: data of a known size, the pages people open, and what each costs."""
