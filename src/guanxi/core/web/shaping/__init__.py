"""Settings pages of the shape: dictionaries, fields, objects, layouts, processes."""
