"""What people do with a running stack from a terminal: look, read logs, open a shell, restart."""
