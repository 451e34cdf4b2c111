"""Text messages as text: templates, segments, the words of replies, quiet hours.

A leaf: what comes in and what goes out both read it. Imports `voxanne.language` alone.
"""
