"""Campaigns as plans: what the effort is, when, by whom, for how much. Who was reached and what came of it stands in ``marketing``."""
