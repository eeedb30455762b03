//! What was found at a place of delivery.

/// What is noted of a place that did not show what was just written: nothing can be told by it later.
pub const UNSEEN: &str = "unseen";

/// The mark of a place where a run has begun to write, and it is not known that it ended: it may hold a part of the key.
pub const UNFINISHED: &str = "writing";

/// What was found at a place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum Found {
    /// Nothing: it is made.
    Nothing,
    /// Something that is the user's, or that nobody owns.
    Something {
        /// What is the same as long as nobody writes there.
        mark: String,
        /// When that was, and who did, in words, as far as that is known.
        last: String,
    },
    /// Somebody else's: it is not touched.
    Foreign,
    /// It can't be written to, and a person must mend that.
    Closed { why: String },
    /// What it holds could not be read; `asked` is unset where there were no credentials to ask with.
    Unknown { why: String, asked: bool },
    /// This run has tried, and the place refused.
    Refused { why: String },
}

impl Found {
    /// Whether this is what was left there when that mark was noted, as far as can be told.
    pub fn is_as_left(&self, noted: &str) -> bool {
        match self {
            _ if noted == UNSEEN => true,
            // Where the time of a write could not be read, its number tells.
            Self::Something { mark, .. } => mark == noted || mark.split('.').next() == Some(noted),
            Self::Nothing => false,
            Self::Foreign | Self::Closed { .. } | Self::Unknown { .. } | Self::Refused { .. } => true,
        }
    }
}
