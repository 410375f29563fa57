"""The house itself: its rooms, and the rules that its own texts state."""
