//! Signing commits with an SSH key, as Git itself does with `gpg.format=ssh`.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tempfile::NamedTempFile;
use tokio::process::Command;

use super::git::Repository;
use super::options::GitOptions;
use super::process::{Unended, complaint, finish};
use crate::error::{Error, Result};

/// Limit for one signature.
const LIMIT: Duration = Duration::from_secs(20);

/// What a private key begins with when it is given itself.
const BEGIN: &str = "-----BEGIN ";

/// Signs commits with `ssh-keygen`. Cheap to clone.
#[derive(Clone)]
pub struct Signer(Arc<Inner>);

struct Inner {
    key: Key,
    /// Where programs are looked for.
    path: String,
    limit: Duration,
}

enum Key {
    File(PathBuf),
    /// The key itself. It is in a file only while `ssh-keygen` reads it.
    Text(SecretString),
}

/// Nothing of the key, not even where it is: a path may be a key by mistake.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

impl Repository {
    /// From now on signs the commits that are made here with `key`: a file with a
    /// private SSH key, or the text of one. It is tried at once.
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::error::Kind::Usage) when there is no such file, it is not a private key, has a
    /// passphrase (nobody is there to type it), or `ssh-keygen` is missing.
    pub async fn signed_with(mut self, key: &Path) -> Result<Self> {
        let signer = Signer::new(key, &self.options, LIMIT)?;
        signer.check().await?;
        self.signer = Some(signer);
        Ok(self)
    }

    /// Are commits signed here?
    #[must_use]
    pub fn signs(&self) -> bool {
        self.signer.is_some()
    }
}

impl Signer {
    fn new(given: &Path, options: &GitOptions, limit: Duration) -> Result<Self> {
        let text = given.to_str().map(str::trim_start);
        let key = match text.filter(|text| text.starts_with(BEGIN)) {
            Some(text) => {
                // What a variable of a workflow does to line breaks is undone.
                let text = text.replace("\r\n", "\n");
                Key::Text(format!("{}\n", text.trim_end()).into())
            }
            None if given.is_file() => Key::File(given.to_owned()),
            None => {
                return Err(Error::usage("--sign-key names no file").hint(
                    "give a file with a private SSH key, or in WEIRKEEPER_SIGN_KEY the key itself, \
                     all its lines from `-----BEGIN` on",
                ));
            }
        };
        let path = options.variable("PATH").unwrap_or_default().to_owned();
        Ok(Self(Arc::new(Inner { key, path, limit })))
    }

    /// Reads the key, without asking anybody for a passphrase.
    async fn check(&self) -> Result<()> {
        self.run(&["-y", "-P", ""], Vec::new()).await.map(drop)
    }

    /// The signature of `data`, armoured.
    ///
    /// # Errors
    ///
    /// When `ssh-keygen` fails or takes too long.
    pub(super) fn sign(&self, data: &[u8]) -> Result<String> {
        let sign = || -> Result<String> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| Error::internal("cannot start a process").because(error))?;
            runtime.block_on(self.run(&["-Y", "sign", "-n", "git"], data.to_vec()))
        };
        // Objects are made in one go between two awaits, perhaps on the only thread
        // of a runtime: the process is waited for on another one.
        let ended = std::thread::scope(|scope| scope.spawn(sign).join());
        let signature = ended.map_err(|_panic| Error::internal("signing came to no end"))??;
        let signature = signature.trim_end();
        match signature.starts_with("-----BEGIN SSH SIGNATURE-----") {
            true => Ok(signature.to_owned()),
            false => Err(Error::remote("ssh-keygen made no signature")),
        }
    }

    /// Runs `ssh-keygen` with `arguments` and the key; what it prints.
    async fn run(&self, arguments: &[&str], input: Vec<u8>) -> Result<String> {
        let Inner { key, path, limit } = &*self.0;
        let (file, _kept) = match key {
            Key::File(file) => (file.clone(), None),
            Key::Text(text) => {
                let kept = in_a_file(text)
                    .map_err(|error| Error::internal("cannot keep the key").because(error))?;
                (kept.path().to_owned(), Some(kept))
            }
        };
        let mut command = Command::new("ssh-keygen");
        command
            .args(arguments)
            .arg("-f")
            .arg(file)
            .env_clear()
            .env("PATH", path)
            .env("LC_ALL", "C")
            .env("SSH_ASKPASS_REQUIRE", "never")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let ended = finish(&mut command, Some(input), *limit).await;
        let (status, stdout, stderr) = ended.map_err(|why| self.unended(why))?;
        match status.success() {
            true => Ok(String::from_utf8_lossy(&stdout).into_owned()),
            false => Err(refusal(&String::from_utf8_lossy(&stderr))),
        }
    }

    fn unended(&self, why: Unended) -> Error {
        match why {
            Unended::NotStarted(error) => {
                Error::usage("cannot run `ssh-keygen`, which signs commits")
                    .because(error)
                    .hint(
                        "install OpenSSH 8.2 or newer (package openssh-client) and have it in PATH",
                    )
            }
            Unended::TooLong => {
                let limit = self.0.limit;
                Error::remote(format!("ssh-keygen took longer than {limit:?}"))
                    .hint("does the key of --sign-key wait for somebody to touch it?")
            }
            Unended::Broken(error) => Error::internal("cannot talk to ssh-keygen").because(error),
        }
    }
}

/// For its owner alone; gone when it is dropped.
fn in_a_file(key: &SecretString) -> std::io::Result<NamedTempFile> {
    let mut file = NamedTempFile::with_prefix("weirkeeper-")?;
    file.write_all(key.expose_secret().as_bytes())?;
    file.flush()?;
    Ok(file)
}

/// Why the key was not taken. `ssh-keygen` names the file, which is left out.
fn refusal(stderr: &str) -> Error {
    let lower = stderr.to_lowercase();
    if lower.contains("passphrase") {
        return Error::usage(
            "the key of --sign-key has a passphrase, and nobody is there to type it",
        )
        .hint("make a key for signing alone: ssh-keygen -t ed25519 -N '' -f signing");
    }
    if lower.contains("too open") {
        return Error::usage(
            "the key of --sign-key may be read by others: ssh-keygen takes no such key",
        )
        .hint("chmod 600 the file");
    }
    let error = Error::usage("the key of --sign-key is no private SSH key");
    let error = match complaint(stderr).rsplit(": ").next() {
        Some(why) => error.because(why.to_owned()),
        None => error,
    };
    error.hint("give the private half, not the .pub file, as ssh-keygen wrote it")
}

#[cfg(test)]
mod tests;
