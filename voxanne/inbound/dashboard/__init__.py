"""The staff's pages. Every one goes through `guard.py`, which knows who asks and what they may.
What they do is decided in the database, and written into the audit log with it.
"""
