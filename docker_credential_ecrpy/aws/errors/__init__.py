"""What boto3 raises, explained: cause and cure."""
