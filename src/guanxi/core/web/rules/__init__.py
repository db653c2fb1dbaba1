"""Automation on pages: rules and their editor, the rehearsal, runs; message templates and snippets."""
