//! What timers cost a server, by its own count. Not a check: run it by hand,
//! `cargo test --test timers_speed -- --ignored --nocapture`.

#[path = "support/redis_server.rs"]
mod redis_server;
#[path = "support/redis_transport.rs"]
mod redis_transport;
#[path = "support/timer_rig.rs"]
mod timer_rig;

use timer_rig::{Rig, claim, create, fired, list, on_one_thread};
use token_budget::domain::timers::operation::*;

const START_MS: u64 = 1_715_768_100_000;
const TIMERS: u64 = 1_000_000;
const PER_BATCH: u64 = 500;

/// A field of INFO.
fn info(connection: &mut redis::Connection, section: &str, field: &str) -> f64 {
    let text: String = redis::cmd("INFO").arg(section).query(connection).unwrap();
    text.lines().find_map(|line| line.strip_prefix(&format!("{field}:"))).unwrap().trim().parse().unwrap()
}

/// Processor seconds of the server so far.
fn cpu_s(connection: &mut redis::Connection) -> f64 {
    info(connection, "cpu", "used_cpu_user") + info(connection, "cpu", "used_cpu_sys")
}

#[test]
#[ignore = "measures"]
fn a_million_timers() {
    on_one_thread(async {
        let rig = Rig::with_manual_clock(START_MS).await;
        let mut connection = rig.server.connection();
        let before = (info(&mut connection, "memory", "used_memory"), cpu_s(&mut connection));
        // Scattered, as ids are.
        let id = |number: u64| format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for first in (0..TIMERS).step_by(PER_BATCH as usize) {
            let due = |number| Due::At(START_MS + 1_000 + number % 1_000 * 100);
            rig.apply((first..first + PER_BATCH).map(|number| create(&id(number), due(number))).collect())
                .await
                .unwrap();
        }
        let each = |total: f64| total / TIMERS as f64;
        let after = (info(&mut connection, "memory", "used_memory"), cpu_s(&mut connection));
        println!(
            "{:.0} bytes a timer, {:.1} µs to make one",
            each(after.0 - before.0),
            each((after.1 - before.1) * 1e6)
        );

        let lists = cpu_s(&mut connection);
        for _ in 0..20 {
            rig.one(list()).await.unwrap();
        }
        println!("{:.2} ms for a list of 1,000", (cpu_s(&mut connection) - lists) / 20.0 * 1e3);

        rig.clock.set(START_MS + 1_000_000);
        let (mut claims_s, mut fired_s, mut slowest_s) = (0.0, 0.0, 0.0_f64);
        for _ in 0..100 {
            let started = cpu_s(&mut connection);
            let Ok(Outcome::Claimed { timers, .. }) = rig.one(claim("h")).await else { panic!("it claims") };
            assert_eq!(timers.len() as u64, PER_BATCH);
            let claimed = cpu_s(&mut connection);
            rig.apply(timers.iter().map(|timer| fired(&timer.id, "h", None)).collect()).await.unwrap();
            claims_s += claimed - started;
            slowest_s = slowest_s.max(claimed - started);
            fired_s += cpu_s(&mut connection) - claimed;
        }
        println!(
            "{:.2} ms to claim 500, {:.2} ms at most; {:.2} ms to fire them",
            claims_s * 10.0,
            slowest_s * 1e3,
            fired_s * 10.0
        );
    });
}
