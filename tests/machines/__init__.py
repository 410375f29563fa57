"""Real machines: what each has, in a minimal form, and what an expert says may be done with it (README.md)."""
