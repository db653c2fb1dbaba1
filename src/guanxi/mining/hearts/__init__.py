"""Hearts: satisfaction, loyalty, trust, and what people write."""
