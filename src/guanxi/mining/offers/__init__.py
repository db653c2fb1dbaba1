"""What next: what is bought together, what to offer whom, whom to ask, and whom a campaign would move."""
