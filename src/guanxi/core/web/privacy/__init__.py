"""Pages for what the law gives a person: find, copy, forget."""
