"""Floor 1: what every other room may know. Plain Python and lazy gettext, nothing else."""
