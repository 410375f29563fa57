"""Debian on a bare disk: the layout both ways share, and the unattended installer's image."""
