"""Every operator between two layers: literal tables, a file a family."""
