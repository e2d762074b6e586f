"""One connector a system: the code that speaks to it."""
