"""botocore as a credential helper needs it: bounded, without prompts, and watched."""
