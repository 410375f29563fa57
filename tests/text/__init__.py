"""Every way out for what a machine says: what is tried, and what holds."""
