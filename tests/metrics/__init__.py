"""Alerts and dashboard: their files, their thresholds, and each alert when its thing breaks."""
