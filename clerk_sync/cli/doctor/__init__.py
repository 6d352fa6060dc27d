"""What ``flask sync-clerk doctor`` looks at, one file for each concern.

A check yields findings and changes nothing; it raises freely, because the examination turns whatever breaks it into a
finding of its own: the first fault must never hide the second. No secret, token or text of a driver goes into one.
"""
