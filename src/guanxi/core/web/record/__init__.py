"""One record: its page, side panel, forms, timeline, related records, actions, history and undo."""
