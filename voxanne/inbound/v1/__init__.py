"""REST `/v1`: the diary for programs. `security` says who may do what, `routing` what every request
goes through, `problems` how a refusal looks; one module for each group of routes.

May import what `voxanne.inbound` may. Rules are the SQL functions': this package translates.
"""
