//! What is measured of the calls of one account.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use crate::{cloud::ClockReading, inventory::KeyId};

/// Counts the HTTP requests of one account, and knows what time it is there and who signs.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter(Arc<Measured>);

#[derive(Debug, Default)]
struct Measured {
    calls: AtomicU64,
    clock: Mutex<Option<ClockReading>>,
    signer: Mutex<Option<KeyId>>,
}

impl Meter {
    /// Counts a request, signed with this key.
    pub fn count(&self, signer: Option<KeyId>) {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        *self.0.signer.lock().unwrap_or_else(PoisonError::into_inner) = signer;
    }

    /// The key that signed the last call, if one did.
    pub fn signed_with(&self) -> Option<KeyId> {
        self.0.signer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many calls went out.
    pub fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::Relaxed)
    }

    /// Notes what the machine's clock and AWS's said.
    pub fn set_clock(&self, reading: ClockReading) {
        *self.0.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading);
    }

    /// What was noted last.
    pub fn clock(&self) -> Option<ClockReading> {
        *self.0.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
