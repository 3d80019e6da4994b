"""What the pages of a report show: one file per kind of page, plain data read from the stores."""
