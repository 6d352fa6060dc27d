"""Logs, metrics and standard streams of a process."""
