"""A seeded load of many clinics and callers over real HTTP, and what is done to the processes under
it. Imports the journal it keeps for the oracle, and of the product only what operators use.
"""
