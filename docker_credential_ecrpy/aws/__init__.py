"""Requests to AWS through boto3, which only this room and `doctor/probes` import."""
