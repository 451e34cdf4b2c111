"""A storm: bookings, moves and cancellations, vendors that fail at random, and workers that are
killed; afterwards the diary, the calendars and the texts are compared one to one.

`make storm` runs 2,000 operations; `make test` some of them (VOXANNE_STORM_OPERATIONS).
"""
