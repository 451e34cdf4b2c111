"""How things are said: the catalogue of sentences and its languages, dates and times as they are
spoken, and read.

Imports nothing of the project: whatever comes in and whatever goes out speaks with it.
"""
