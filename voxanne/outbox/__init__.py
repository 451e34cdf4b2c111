"""After the commit: what is due is claimed with a lease, handed to who delivers it, and settled.

`types.py` is the vocabulary, `worker.py` the loop, `backoff.py` when to try again, `chores.py` what
else must happen though nobody asks, `metrics.py` what is counted, `inspection.py` the search for
what must never be there; the others are what coming in and going out both need to know of
addresses. Knows no vendor.
"""
