"""Requests to AWS, by boto3: this room and `doctor/probes` alone import it."""
