"""Duplicates: checking a name before typing it in, pairs the scan found, merging with a choice per field."""
