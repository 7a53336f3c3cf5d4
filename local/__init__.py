"""The same program on an emulated AWS: engine, emulator, stand-in provider, commands."""
