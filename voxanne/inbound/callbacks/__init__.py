"""What vendors call us back about, a file per vendor: signed or known by a token, and believed no
further than that. Imports the leaves.
"""
