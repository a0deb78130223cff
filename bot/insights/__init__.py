"""What the assistant saved, what it could not answer, and the staff's console for both."""
