"""Corrected history sent again: a scratch database from which the unchanged unloader sends chosen site-months (D3)."""
