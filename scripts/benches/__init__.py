"""Benchmarks on private servers: ratios within one run, and figures that no machine changes."""
