"""Requests to AWS through botocore, which only this room and `doctor/probes` import."""
