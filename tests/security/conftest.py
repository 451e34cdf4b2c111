"""The API of the integration tests."""

from tests.integration.conftest import files_api, scratch, voice

__all__ = ["files_api", "scratch", "voice"]
