"""The import wizard: upload, map, match rule, preview, run, result."""
