"""The storm: random users at the local Clerk, webhooks with every fault, and servers killed meanwhile.

``python -m tests.chaos --deliveries 100000 --seed 1``, or ``make storm``. The seed fixes the events at Clerk, the
fate of each message, and what is killed after which delivery. It does not fix how the processes interleave.
"""
