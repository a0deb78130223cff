"""Contact requests and their way to the practice."""
