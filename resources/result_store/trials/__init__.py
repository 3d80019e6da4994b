"""The ledger of trials in the result store: rows are added and read, never changed."""
