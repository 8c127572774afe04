"""Forms that people fill in: the study form (TOML) and its consent table (CSV)."""
