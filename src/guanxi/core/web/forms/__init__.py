"""Forms of any entity: built from its declaration and the actor's rights, read back, kept as drafts, saved once."""
