"""A backup is what was restored from it: each recipe of deploy/backup, into a fresh cluster."""
