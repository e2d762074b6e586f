"""How fast Isthmus is, measured against a script that somebody could have written by hand for the same duties."""
