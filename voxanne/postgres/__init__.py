"""The database: the embedded server, connections, migrations.

A leaf: imports nothing of the project outside itself.
"""
