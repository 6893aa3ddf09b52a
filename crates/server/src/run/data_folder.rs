//! The folder that holds the embedded database and, apart from what it seals, the key-encryption
//! key.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen_domain::sealed::KeyEncryptionKey;
use zeroize::Zeroizing;

use super::StartError;
use menshen_token::Entropy;

const KEY_FILE: &str = "key-encryption.key";

/// Makes the folder, for its owner alone. One that is there is left as it is.
pub(super) fn prepare(folder: &Path) -> Result<(), StartError> {
    let failed = |error| StartError::DataFolder(folder.to_owned(), error);
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)
}

/// Reads the key-encryption key, or makes one if there is none.
pub(super) fn key_encryption_key(
    folder: &Path,
    entropy: &dyn Entropy,
) -> Result<KeyEncryptionKey, StartError> {
    let path = folder.join(KEY_FILE);
    let failed = |error| StartError::DataFolder(folder.to_owned(), error);
    match create(folder, &path, entropy) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    let mut file = OpenOptions::new().read(true).open(&path).map_err(failed)?;
    let readable = |permissions: Permissions| permissions.mode() & 0o077 != 0;
    if readable(file.metadata().map_err(failed)?.permissions()) {
        return Err(StartError::KeyFileIsReadable(path));
    }
    let mut text = Zeroizing::new(String::new());
    let damaged = || StartError::KeyFileIsDamaged(path.clone());
    file.read_to_string(&mut text).map_err(|_| damaged())?;
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| damaged())?);
    let bytes: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| damaged())?;
    Ok(KeyEncryptionKey::new(bytes))
}

/// Written whole under another name and then linked, so that nobody who starts at the same
/// moment reads half a key, and a key that is there is never replaced.
fn create(folder: &Path, path: &Path, entropy: &dyn Entropy) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let name = URL_SAFE_NO_PAD.encode(entropy.bytes::<9>());
    let draft = folder.join(format!("{KEY_FILE}.{name}"));
    let bytes = Zeroizing::new(entropy.bytes::<32>());
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes) + "\n");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft)?;
    // The key must not be lost to a crash once something has been sealed with it.
    OpenOptions::new().read(true).open(folder)?.sync_all()?;
    linked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemEntropy;

    fn open(folder: &Path) -> Result<KeyEncryptionKey, StartError> {
        key_encryption_key(folder, &SystemEntropy)
    }

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("data");
        prepare(&folder).expect("made");
        let sealed = open(&folder).expect("made").seal("x", [0; 12], b"secret");
        assert_eq!(
            open(&folder).expect("read").unseal("x", &sealed).expect("opens")[..],
            *b"secret"
        );
        let mode = |path: &Path| path.metadata().expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join(KEY_FILE)), 0o600);
        assert_eq!(std::fs::read_dir(&folder).expect("a folder").count(), 1);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        open(folder.path()).expect("made");
        let path = folder.path().join(KEY_FILE);
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("changed");
        assert!(matches!(open(folder.path()), Err(StartError::KeyFileIsReadable(_))));
    }

    #[test]
    fn a_damaged_key_is_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        open(folder.path()).expect("made");
        let path = folder.path().join(KEY_FILE);
        for text in ["", "AAAA", "not base64url!"] {
            std::fs::write(&path, text).expect("written");
            assert!(matches!(open(folder.path()), Err(StartError::KeyFileIsDamaged(_))), "{text}");
            assert_eq!(std::fs::read_to_string(&path).expect("still there"), text);
        }
    }
}
