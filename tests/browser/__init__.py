"""The dashboard and the patient's page in a real browser: Debian's Chromium, by Playwright."""
