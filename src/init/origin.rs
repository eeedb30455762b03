//! Where keyrota itself comes from.

/// The release whose action and layer a scaffold uses.
pub const RELEASE: &str = env!("CARGO_PKG_VERSION");
/// Where keyrota's own repository is, as `Cargo.toml` says: the one place that names its owner.
pub const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");
