"""Files: data sets, exports, backups and their checks."""
