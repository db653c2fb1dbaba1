"""Longer processes drawn in BPMN: what a drawing may hold, running it, what people do in it."""
