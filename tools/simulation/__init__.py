"""`make simulate`: how often fleets of machines call AWS, second by second, over one day."""
