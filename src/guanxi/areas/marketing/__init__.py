"""Marketing at work: who is in a campaign, how they answered, and what came of it in leads, deals and money."""
