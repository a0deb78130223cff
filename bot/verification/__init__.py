"""Two-step sign-in: challenges, single-use codes, handoffs to the chat."""
