"""Floor 2: declarations are data. What an entity is, which kinds of values exist, and the register of all entities."""
