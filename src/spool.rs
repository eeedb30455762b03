//! Text that is put down piece by piece and read again at the end: of some size on it is on disk, so that it takes no memory.

use std::io::{self, Read, Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;

/// What is shorter stays in memory.
const IN_MEMORY: usize = 256 * 1024;

/// Text that only grows, and is gone when this is.
pub struct Spool {
    file: SpooledTempFile,
    length: u64,
}

/// Where a piece is.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    at: u64,
    length: usize,
}

impl Default for Spool {
    fn default() -> Self {
        Self { file: SpooledTempFile::new(IN_MEMORY), length: 0 }
    }
}

impl Spool {
    /// Whether nothing was put down.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Puts a piece down behind the others.
    ///
    /// # Errors
    /// There is no room.
    pub fn push(&mut self, text: &str) -> io::Result<Piece> {
        self.file.write_all(text.as_bytes())?;
        let piece = Piece { at: self.length, length: text.len() };
        self.length += u64::try_from(text.len()).map_err(io::Error::other)?;
        Ok(piece)
    }

    /// Writes all of it elsewhere. Nothing is put down afterwards.
    ///
    /// # Errors
    /// It can't be read, or written there.
    pub fn copy_to(&mut self, to: &mut impl Write) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        let copied = io::copy(&mut self.file, to)?;
        if copied == self.length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// One of the pieces. Nothing is put down afterwards.
    ///
    /// # Errors
    /// It can't be read.
    pub fn piece(&mut self, Piece { at, length }: Piece) -> io::Result<Vec<u8>> {
        let mut text = vec![0; length];
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(&mut text)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_down_is_read_again_wherever_it_is() {
        for count in [3_usize, 20_000] {
            let mut spool = Spool::default();
            assert!(spool.is_empty());
            let text = |number: usize| format!("piece {number}: {}\n", "x".repeat(number % 50));
            let pieces: Vec<Piece> = (0..count).map(|number| spool.push(&text(number)).expect("room")).collect();
            let mut all = Vec::new();
            spool.copy_to(&mut all).expect("it is there");
            assert_eq!(all, (0..count).map(text).collect::<String>().into_bytes());
            for number in [count - 1, 0, count / 2] {
                assert_eq!(spool.piece(pieces[number]).expect("it is there"), text(number).into_bytes());
            }
        }
    }
}
