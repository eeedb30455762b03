//! The Lambda package: the program of a release, and the manifests. The same two give the same file, byte by byte, so that
//! only a change is deployed.

use std::io::{self, Cursor, Read, Write};

use flate2::read::GzDecoder;
use zip::{CompressionMethod, DateTime, ZipWriter, result::ZipError, write::SimpleFileOptions};

use crate::manifest::files::Files;

/// What the program is called, in the package and in the archive of a release.
pub const PROGRAM: &str = "bootstrap";
/// No program is larger: Lambda takes packages of 250 MB, unzipped.
const LARGEST_PROGRAM: u64 = 250 << 20;

/// What a function runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Graviton: the default of Terraform.
    Arm64,
    /// Intel and AMD.
    X86_64,
}

/// What a file turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A program for Linux on this.
    Program(Architecture),
    /// A script, which runs on both.
    Script,
    /// A program for something else, such as a Mac.
    Foreign,
    /// None of these.
    Unknown,
}

impl Architecture {
    /// As Terraform and Lambda call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }

    /// What its program is built for.
    pub fn target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86_64 => "x86_64-unknown-linux-gnu",
        }
    }

    /// The archive of a release that holds its program.
    pub fn asset(self, version: &str) -> String {
        format!("{PROGRAM}-v{version}-{}.tar.gz", self.target())
    }
}

impl Kind {
    /// By its first bytes.
    pub fn of(program: &[u8]) -> Self {
        const MAC: [[u8; 4]; 3] = [[0xcf, 0xfa, 0xed, 0xfe], [0xca, 0xfe, 0xba, 0xbe], [0xce, 0xfa, 0xed, 0xfe]];
        match program {
            [b'#', b'!', ..] => Self::Script,
            [0x7f, b'E', b'L', b'F', ..] => match (program.get(4), program.get(18..20)) {
                (Some(2), Some([0xb7, 0])) => Self::Program(Architecture::Arm64),
                (Some(2), Some([0x3e, 0])) => Self::Program(Architecture::X86_64),
                _ => Self::Foreign,
            },
            [b'M', b'Z', ..] => Self::Foreign,
            _ if MAC.iter().any(|magic| program.starts_with(magic)) => Self::Foreign,
            _ => Self::Unknown,
        }
    }
}

/// The program out of the archive of a release, or the file as it is. An archive may hold links and paths that lead
/// elsewhere: one regular file is taken, and nothing is written.
///
/// # Errors
/// It is an archive, and does not hold the program.
pub fn program(content: Vec<u8>) -> io::Result<Vec<u8>> {
    if !content.starts_with(&[0x1f, 0x8b]) {
        return Ok(content);
    }
    let mut archive = tar::Archive::new(GzDecoder::new(content.as_slice()));
    for entry in archive.entries()? {
        let entry = entry?;
        if entry.header().entry_type().is_file() && entry.path()?.as_os_str() == PROGRAM {
            let mut program = Vec::new();
            entry.take(LARGEST_PROGRAM).read_to_end(&mut program)?;
            if !program.is_empty() {
                return Ok(program);
            }
        }
    }
    Err(io::Error::new(io::ErrorKind::NotFound, format!("it does not hold the file `{PROGRAM}`")))
}

/// The zip file; nothing in it depends on when, where or by whom it is made.
///
/// # Errors
/// Zip can't hold it.
pub fn pack(program: &[u8], manifests: &Files) -> Result<Vec<u8>, ZipError> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .last_modified_time(DateTime::default());
    archive.start_file(PROGRAM, options.unix_permissions(0o755))?;
    archive.write_all(program)?;
    let mut manifests: Vec<_> = manifests.iter().collect();
    manifests.sort();
    for (name, content) in manifests {
        archive.start_file(format!("manifests/{name}"), options.unix_permissions(0o644))?;
        archive.write_all(content)?;
    }
    Ok(archive.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_known_by_its_first_bytes() {
        let elf = |machine: u8| {
            let mut bytes = vec![0; 64];
            bytes[..5].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2]);
            bytes[18] = machine;
            bytes
        };
        assert_eq!(Kind::of(&elf(0xb7)), Kind::Program(Architecture::Arm64));
        assert_eq!(Kind::of(&elf(0x3e)), Kind::Program(Architecture::X86_64));
        assert_eq!(Kind::of(&elf(0x28)), Kind::Foreign);
        assert_eq!(Kind::of(b"#!/bin/sh\n"), Kind::Script);
        assert_eq!(Kind::of(b"MZ"), Kind::Foreign);
        assert_eq!(Kind::of(b"\x7fELF"), Kind::Foreign);
        assert_eq!(Kind::of(b""), Kind::Unknown);
    }

    #[test]
    fn only_the_program_is_taken_out_of_an_archive() {
        let packed = |entries: &[(&str, tar::EntryType, &[u8])]| {
            let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
            for (name, kind, content) in entries {
                let mut header = tar::Header::new_gnu();
                header.set_entry_type(*kind);
                header.set_size(content.len() as u64);
                if *kind == tar::EntryType::Symlink {
                    header.set_link_name("/bin/sh").expect("a link");
                }
                header.set_cksum();
                archive.append_data(&mut header, name, *content).expect("an entry");
            }
            archive.into_inner().and_then(flate2::write::GzEncoder::finish).expect("an archive")
        };
        let file = tar::EntryType::Regular;
        let sound = packed(&[("LICENSE", file, b"x"), (PROGRAM, file, b"it runs")]);
        assert_eq!(program(sound).expect("the program"), b"it runs");
        assert_eq!(program(b"#!/bin/sh\n".to_vec()).expect("as it is"), b"#!/bin/sh\n");
        for wrong in [
            packed(&[(PROGRAM, tar::EntryType::Symlink, b"")]),
            packed(&[("x/bootstrap", file, b"x")]),
            packed(&[(PROGRAM, file, b"")]),
        ] {
            assert!(program(wrong).is_err());
        }
        assert!(program(vec![0x1f, 0x8b, 0]).is_err());
    }
}
