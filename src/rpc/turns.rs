//! Whoever was cut off for a flood takes turns.
//!
//! Who floods is cut off in no time, but comes back as fast, and every handshake takes the
//! processor from those who are served. So for a while after it was cut off, the connections of
//! that identity are served one after another, a moment between them. Meanwhile they wait, unread,
//! and wait no more than a crowd at a time; everybody else, from the same address too, is served
//! as before.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::identity::SpiffeId;

/// How long after the last flood.
const LASTING: Duration = Duration::from_secs(60);

/// Most that wait of one identity; one more gets no turn.
const MOST_WAITING: usize = 8;

/// Most that wait of all of them together: they take places others may need.
const MOST_TOGETHER: usize = 64;

/// Most identities kept in mind.
const MOST_BLAMED: usize = 1024;

/// Whom a connection belongs to; none for all whose certificate nobody vouches for.
pub(super) type Who = Option<SpiffeId>;

/// Everybody who was cut off of late.
#[derive(Debug)]
pub(super) struct Turns {
    between: Duration,
    lasting: Duration,
    waiting: AtomicUsize,
    blamed: Mutex<HashMap<Who, Blamed>>,
}

#[derive(Debug)]
struct Blamed {
    until: Instant,
    line: Arc<Line>,
}

/// Those of one identity that wait.
#[derive(Debug, Default)]
struct Line {
    turn: tokio::sync::Mutex<()>,
    waiting: AtomicUsize,
}

impl Turns {
    /// Keeps so much time between two connections.
    pub(super) fn new(between: Duration) -> Self {
        Self {
            between,
            lasting: LASTING,
            waiting: AtomicUsize::new(0),
            blamed: Mutex::default(),
        }
    }

    /// Returns the time between two connections.
    pub(super) const fn between(&self) -> Duration {
        self.between
    }

    /// Notes that `who` was cut off for a flood.
    pub(super) fn blame(&self, who: &Who) {
        let now = Instant::now();
        let until = now + self.lasting;
        let mut blamed = self.lock();
        if let Some(again) = blamed.get_mut(who) {
            again.until = until;
            return;
        }
        if blamed.len() >= MOST_BLAMED {
            forget(&mut blamed, now);
        }
        let line = Arc::default();
        blamed.insert(who.clone(), Blamed { until, line });
    }

    /// Waits for a turn of `who`, at once where nobody blames them; returns whether they get one.
    pub(super) async fn wait(&self, who: &Who) -> bool {
        let Some(line) = self.line(who) else {
            return true;
        };
        let own = Place::take(&line.waiting, MOST_WAITING);
        let together = Place::take(&self.waiting, MOST_TOGETHER);
        let (Some(_own), Some(_together)) = (own, together) else {
            return false;
        };
        let _mine = line.turn.lock().await;
        if self.line(who).is_some() {
            tokio::time::sleep(self.between).await;
        }
        true
    }

    /// Returns where `who` has to wait, if they have to.
    fn line(&self, who: &Who) -> Option<Arc<Line>> {
        let blamed = self.lock();
        let blamed = blamed.get(who)?;
        (Instant::now() < blamed.until).then(|| Arc::clone(&blamed.line))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Who, Blamed>> {
        // The map is consistent between any two statements that could panic.
        self.blamed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes room: for those whose time is over, or else for whoever's is over first.
fn forget(blamed: &mut HashMap<Who, Blamed>, now: Instant) {
    blamed.retain(|_, blamed| now < blamed.until);
    if blamed.len() >= MOST_BLAMED
        && let Some(first) = blamed.iter().min_by_key(|(_, blamed)| blamed.until)
    {
        let first = first.0.clone();
        blamed.remove(&first);
    }
}

/// One of those that wait.
struct Place<'count>(&'count AtomicUsize);

impl<'count> Place<'count> {
    fn take(count: &'count AtomicUsize, most: usize) -> Option<Self> {
        let before = count.fetch_add(1, Ordering::Relaxed);
        let place = Self(count);
        (before < most).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use tokio::task::JoinSet;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn who(member: &str) -> Who {
        let id = format!("spiffe://{member}.pwud/node");
        Some(id.parse().expect("an id"))
    }

    /// Returns whether there is an answer without a wait.
    fn at_once(turns: &Turns, who: &Who) -> Poll<bool> {
        poll(pin!(turns.wait(who)))
    }

    fn poll(wait: Pin<&mut impl Future<Output = bool>>) -> Poll<bool> {
        wait.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn who_was_cut_off_waits_and_nobody_else_does() {
        let turns = Turns::new(HOUR);
        assert_eq!(at_once(&turns, &who("anpud")), Poll::Ready(true));
        turns.blame(&who("anpud"));
        assert_eq!(at_once(&turns, &who("anpud")), Poll::Pending);
        for other in [who("inpud"), None] {
            assert_eq!(at_once(&turns, &other), Poll::Ready(true));
        }
    }

    #[tokio::test]
    async fn turns_come_one_after_another() {
        let between = Duration::from_millis(20);
        let turns = Arc::new(Turns::new(between));
        turns.blame(&None);
        let begun = Instant::now();
        let mut waiting = JoinSet::new();
        for _ in 0..3 {
            let turns = Arc::clone(&turns);
            waiting.spawn(async move { turns.wait(&None).await });
        }
        for come in 1..=3 {
            let turn = waiting.join_next().await.expect("one waits");
            assert!(turn.expect("it waited"));
            assert!(begun.elapsed() >= between * come, "{come}");
        }
    }

    #[tokio::test]
    async fn after_a_while_nobody_waits_any_more() {
        let turns = Turns {
            lasting: Duration::ZERO,
            ..Turns::new(HOUR)
        };
        turns.blame(&who("anpud"));
        assert_eq!(at_once(&turns, &who("anpud")), Poll::Ready(true));
    }

    #[tokio::test]
    async fn no_more_than_a_crowd_waits_and_whoever_leaves_makes_room() {
        let turns = Turns::new(HOUR);
        turns.blame(&None);
        let mut waiting: Vec<_> = (0..MOST_WAITING)
            .map(|_| Box::pin(turns.wait(&None)))
            .collect();
        for wait in &mut waiting {
            assert_eq!(poll(wait.as_mut()), Poll::Pending);
        }
        assert_eq!(at_once(&turns, &None), Poll::Ready(false));
        waiting.pop();
        assert_eq!(at_once(&turns, &None), Poll::Pending);
    }

    #[tokio::test]
    async fn all_together_leave_places_for_others() {
        let turns = Turns::new(HOUR);
        let crowd: Vec<Who> = (0..=MOST_TOGETHER).map(|n| who(&format!("m{n}"))).collect();
        crowd.iter().for_each(|who| turns.blame(who));
        let mut waiting: Vec<_> = crowd.iter().map(|who| Box::pin(turns.wait(who))).collect();
        let mut last = waiting.pop().expect("one more");
        for wait in &mut waiting {
            assert_eq!(poll(wait.as_mut()), Poll::Pending);
        }
        assert_eq!(poll(last.as_mut()), Poll::Ready(false));
        assert_eq!(at_once(&turns, &None), Poll::Ready(true));
    }

    #[tokio::test]
    async fn so_many_are_kept_in_mind_and_the_first_of_them_is_forgotten() {
        let turns = Turns::new(HOUR);
        for number in 0..=MOST_BLAMED {
            turns.blame(&who(&format!("m{number}")));
        }
        assert_eq!(turns.lock().len(), MOST_BLAMED);
        assert_eq!(at_once(&turns, &who("m0")), Poll::Ready(true));
        assert_eq!(at_once(&turns, &who("m1")), Poll::Pending);
    }
}
