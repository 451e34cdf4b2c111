"""The world goes out: a file per vendor, most of them a Sender of the outbox, and the chores that
may ask a vendor (calendars, promises). The only part of the product that has an HTTP client.
Imports the leaves, never what comes in.
"""
