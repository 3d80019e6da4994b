"""The pages of a report: one kind per file, a function from its inputs to `reports.page.Page`."""
