"""Lists of depth data: one record per image, wherever image and label lie. No torch in here."""
