"""Money, clock, records and errors: what every room may use."""
