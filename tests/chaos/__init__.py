"""The storm: random users at the local Clerk, webhooks with every fault, servers that are killed meanwhile.

``python -m tests.chaos --deliveries 100000 --seed 1``, or ``make storm``. The seed fixes what happens at Clerk, what
becomes of each message and what is killed after which delivery; how the processes interleave is up to the machine.
"""
