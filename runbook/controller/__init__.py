"""This machine, the controller: its files, folders, locks, processes, signals, and what it allows to run."""
