"""Files a clinic brings: its configuration (YAML), and the diary it kept until now (CSV, ICS).

Read without a database: bytes in, the values that booking's functions take out, or an error that
says which line is wrong and what would be right. Imports `booking` and nothing else of the project.
"""
