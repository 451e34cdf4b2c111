"""What was promised in a call, read from its transcript and compared with the diary, by rules.

A leaf: the worker's check and the dashboard's page read it. Imports `voxanne.language` alone.
"""
