//! The precision of a sleep: how late a loop wakes after its deadline.

use crate::prelude::*;
use crate::work::mio_loop;

/// The period of 60 Hz: not a whole number of milliseconds, the unit of `epoll_wait(2)`.
const TICK: Duration = Duration::from_nanos(16_666_667);

pub(crate) fn enter() -> io::Result<Vec<Entry>> {
    let (mut mio, mut tickwire) = (mio_loop()?, Socket::bind(LOOPBACK)?);
    let mio_sleep = move |deadline: Instant| {
        let left = deadline.saturating_duration_since(Instant::now());
        mio.sleep(Some(left)).map(drop)
    };
    let tickwire_sleep = move |deadline| tickwire.wait_until(deadline);
    Ok(vec![
        late("mio poll", mio_sleep),
        late("tickwire wait_until", tickwire_sleep),
    ])
}

fn late(name: &str, mut sleep_until: impl FnMut(Instant) -> io::Result<()> + 'static) -> Entry {
    Entry::new(name, move || {
        let deadline = Instant::now() + TICK;
        // It may return early.
        while Instant::now() < deadline {
            sleep_until(deadline)?;
        }
        Ok(nanos_per(1, deadline.elapsed()))
    })
}
