"""The handbook is checked as the program is: its links, its commands, its tables."""
