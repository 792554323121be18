"""A monitoring run: reads the captured traffic of a window, compares it with the baseline, reports what it found."""
