"""The patient's page: what the link in a message opens, without an account and without JavaScript.

Imports leaves, and of its siblings the entrance (`http`) and the sentences that are spoken too.
"""
