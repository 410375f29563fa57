"""A person's own host as a virtual PC: described from a look or a capture, built, and run through with their parameters."""
