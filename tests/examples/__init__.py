"""The example applications in ``examples/``, as their teams run them."""
