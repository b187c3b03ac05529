"""Rehearsals: the real upgrade, verification and way back on a copy of the database, and what their times say."""
