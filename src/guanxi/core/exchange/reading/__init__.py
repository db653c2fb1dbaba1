"""Reading tables out of files: text, spreadsheets, vCard, JSON. Pure: no models, no database."""

from guanxi.core.exchange.reading.opening import open_table
from guanxi.core.exchange.reading.source import files_of, members_of
from guanxi.core.exchange.reading.table import Column, Facts, Problem, Row, Table

__all__ = ["Column", "Facts", "Problem", "Row", "Table", "files_of", "members_of", "open_table"]
