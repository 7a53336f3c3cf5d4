"""Pictures of the program: what is in them, where it stands, how it is drawn."""
