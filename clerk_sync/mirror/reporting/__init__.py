"""What the mirror holds and how far it is from Clerk, for metrics, console, API and doctor. Reads only."""
