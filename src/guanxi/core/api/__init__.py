"""The API face: routes, OpenAPI and answers derived from the registered entities. It owns nothing and never saves."""
