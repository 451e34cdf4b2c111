"""The vocabulary of booking: outcomes, values, normalisation, and one function per SQL function.

A leaf: imports nothing of the project outside itself.
"""
