"""The world goes out: a file per vendor, each a Sender of the outbox. The only part of the product
that has an HTTP client. Imports the leaves, never what comes in.
"""
