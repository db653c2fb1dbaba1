"""The machine under the house: environment settings, embedded PostgreSQL, process supervisor.

This room imports no Django and nothing else of Guanxi: it runs before settings exist.
"""
