"""Calendar files as RFC 5545 has them: one event of an appointment, for e-mail, the patient's page
and a practitioner's feed alike.

Imports nothing of the project.
"""
