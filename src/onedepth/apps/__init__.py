"""What people run: the command line and pages. The only floor that reads arguments and prints."""
