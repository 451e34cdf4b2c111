"""How things are said: the catalogue of sentences and its languages, spoken dates and times.

Imports nothing of the project: whatever comes in and whatever goes out speaks with it.
"""
