"""The list of any entity: its state in the address, filters, columns, rows, saved views, inline edit, bulk, board."""
