"""The commands that users type, one module each; `cli.group` has them all."""
