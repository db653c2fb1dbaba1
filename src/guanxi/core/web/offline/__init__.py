"""Guanxi as an app: what browsers ask to install it, and what works while the server cannot be reached."""
