"""The checks of `doctor` on the answers of AWS and the registry. They make no network call."""
