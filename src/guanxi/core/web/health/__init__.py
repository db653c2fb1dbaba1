"""The health of the workspace on a page: parts, backups, jobs that were given up."""
