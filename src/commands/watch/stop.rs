//! Signals that end a watch.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::error::{Error, Result};

/// A signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// SIGINT: somebody cancelled it.
    Interrupt,
    /// SIGTERM: the machine goes away.
    Terminate,
}

/// Knows whether a signal came. The first one counts: who cancels a workflow sends
/// SIGINT, and SIGTERM 7.5 s later.
#[derive(Debug, Clone)]
pub(super) struct Stop(watch::Receiver<Option<Signal>>);

impl Stop {
    /// Listens from now on; the signals end the program no more.
    ///
    /// # Errors
    /// When the system does not let it.
    pub(super) fn listen() -> Result<Self> {
        let listen = |kind| {
            signal(kind).map_err(|error| Error::internal("cannot hear signals").because(error))
        };
        let mut interrupt = listen(SignalKind::interrupt())?;
        let mut terminate = listen(SignalKind::terminate())?;
        let (sender, receiver) = watch::channel(None);
        tokio::spawn(async move {
            let came = tokio::select! {
                _ = interrupt.recv() => Signal::Interrupt,
                _ = terminate.recv() => Signal::Terminate,
            };
            tracing::info!(?came, "ending after what is under way");
            sender.send_replace(Some(came));
            // Dropped, they would still be heard, but by nobody.
            drop((interrupt, terminate));
        });
        Ok(Self(receiver))
    }

    /// The signal that came.
    pub(super) fn came(&self) -> Option<Signal> {
        *self.0.borrow()
    }

    /// Waits for one.
    pub(super) async fn wait(&mut self) -> Signal {
        loop {
            if let Some(came) = self.came() {
                return came;
            }
            if self.0.changed().await.is_err() {
                // Nobody is there any more to hear one.
                std::future::pending::<()>().await;
            }
        }
    }

    #[cfg(test)]
    pub(super) fn by_hand() -> (watch::Sender<Option<Signal>>, Self) {
        let (sender, receiver) = watch::channel(None);
        (sender, Self(receiver))
    }
}
