//! A simulated account in a TOML file.
