//! When a deadline has passed.

use std::time::{Duration, Instant};

use tokio::time::{sleep, sleep_until};

/// Who notices a deadline this late was busy with something else.
const LATE: Duration = Duration::from_millis(10);

/// For what came while the thread was busy to be taken in.
const CATCH_UP: Duration = Duration::from_millis(2);

/// Ends when the deadline has passed, and all that came before it was taken in: a thread that was busy notices
/// both at once, in any order. Answers the instant up to which everything was taken in.
pub async fn passed(deadline: Instant) -> Instant {
    sleep_until(deadline.into()).await;
    let noticed_at = Instant::now();
    if noticed_at - deadline > LATE {
        sleep(CATCH_UP).await;
    }
    noticed_at
}
