"""Why a pull fails: `run` gathers facts, the checks judge them, and `report` prints the result."""
