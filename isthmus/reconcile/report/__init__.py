"""A tie-out for people: lines for a terminal, and a page that an accountant prints. JSON is `TieOut.as_json`."""
