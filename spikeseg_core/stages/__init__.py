"""The eight stages: each reads the folders of those before it and writes its own."""
