"""Working time on pages: calendars, special days, how a deadline is counted, leave."""
