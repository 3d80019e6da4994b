"""The templates of pages, their style sheet, and the script that sorts tables."""
