"""The world comes in: HTTP, voice platforms, Supabase-style calls.

Verifies who is calling, turns what they sent into one call of a booking function, and renders the
outcome. May import everything but `deliveries`, `stress` and the roots.
"""
