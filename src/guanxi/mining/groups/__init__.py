"""Groups: cohorts, survival, clusters, and differences between groups."""
