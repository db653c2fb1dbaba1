"""Approvals on pages: what waits for me, the path of a request, deciding it, and the flows in the settings."""
