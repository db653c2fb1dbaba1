"""Quality of the data themselves: who is the same, what is missing, what is odd."""
