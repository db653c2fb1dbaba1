"""Lifetime: how long customers stay, how often they buy meanwhile, and what that is worth."""
