"""Pages of reports and boards: the list, a report with its picture and table, the builder, boards of tiles."""
