"""Backups of guests' volumes: their names, their sidecars, and the program that makes and restores them."""
