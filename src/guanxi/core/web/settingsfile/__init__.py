"""The settings as one file on a page: download, compare, apply, versions; and the industry packs."""
