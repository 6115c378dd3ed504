"""Checks of depth data before anybody trains on them: every record is opened once. No torch in here."""
