"""The engine: how a plan becomes deeds, the same for notebooks, `undo`, `backup` and `volume`."""
