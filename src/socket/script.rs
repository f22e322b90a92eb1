//! Scripted results of system calls, for errors that tests cannot cause.

use std::collections::VecDeque;
use std::io;
use std::sync::Mutex;

/// One result per call. When a script is empty, the real system call is made.
#[derive(Debug, Default)]
pub(crate) struct Script {
    receives: Mutex<VecDeque<i32>>,
    sends: Mutex<VecDeque<ScriptedSend>>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum ScriptedSend {
    /// The call fails with this error number.
    Fails(i32),
    /// The system sends at most this many datagrams.
    Takes(usize),
}

impl Script {
    #[cfg(unix)]
    pub(crate) fn receive_fails(&self, errors: &[nix::errno::Errno]) {
        self.receives
            .lock()
            .unwrap()
            .extend(errors.iter().map(|&e| e as i32));
    }

    pub(crate) fn send_answers(&self, answers: &[ScriptedSend]) {
        self.sends.lock().unwrap().extend(answers);
    }

    pub(crate) fn forget(&self) {
        self.receives.lock().unwrap().clear();
        self.sends.lock().unwrap().clear();
    }

    pub(crate) fn receive(&self) -> io::Result<()> {
        match self.receives.lock().unwrap().pop_front() {
            Some(code) => Err(io::Error::from_raw_os_error(code)),
            None => Ok(()),
        }
    }

    pub(crate) fn send(&self) -> io::Result<usize> {
        match self.sends.lock().unwrap().pop_front() {
            Some(ScriptedSend::Fails(code)) => Err(io::Error::from_raw_os_error(code)),
            Some(ScriptedSend::Takes(count)) => Ok(count),
            None => Ok(usize::MAX),
        }
    }
}
