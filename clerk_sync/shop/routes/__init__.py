"""The shop's HTTP routes and its section of the console."""
