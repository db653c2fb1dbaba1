"""Pages for those outside the house: look-ups, questionnaires, the client's own pages."""
