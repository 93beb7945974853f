"""Authorization tokens: fetched once, stored, looked up, listed and forgotten."""
