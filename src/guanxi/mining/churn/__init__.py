"""Churn and the life cycle: who breaks his rhythm, who is about to leave and why, and in which stage each customer is."""
