"""Django's PostgreSQL, with a cheaper question whether a connection still stands."""
