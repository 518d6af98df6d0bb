"""What pages, embeds and displays show of a calendar: list, day, week, month and board."""
