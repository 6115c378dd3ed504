"""Follow a camera through a video: features, depth in metres and PnP give its path. No torch in here."""
