"""The settings: environment variables, parsed once into one frozen ``Settings``."""
