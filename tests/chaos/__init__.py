"""The storm: random lives at the local Clerk, delivered as badly as the network can, to servers that are being killed.

``python -m tests.chaos --deliveries 100000 --seed 1``, or ``make storm``. The seed fixes what happens at Clerk, what
becomes of each message and what is killed after which delivery; how the processes interleave is up to the machine.
"""
