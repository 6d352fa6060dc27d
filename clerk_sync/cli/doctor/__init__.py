"""The checks of ``flask sync-clerk doctor``, one file for each concern.

A check yields findings and changes nothing. It may raise: the runner reports an exception as a finding, so that the
first fault does not hide the second. Findings contain no secret, no token and no text of a driver.
"""
