"""What the keeper does for the store of records and the storage: find, mend, ring, sweep."""
