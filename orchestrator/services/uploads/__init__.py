"""A client's file on its way into the storage of its project."""
