"""What goes wrong during a run, provoked for real, and what the report then says."""
