"""A worked bridge between Voxanne and a practice-management system: docs/how-to/bridge.md."""
