"""Forecasts: what will be sold, by week or month, with an interval that has been tried on the past."""
