//! kill -9, again and again: everything acknowledged before is there, once, and the sums are those of the records.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use token_budget::store::ledger::{Outcome, Record};

use super::{Folder, close, everything, open, paged, record, verified};

const PATH: &str = "TOKEN_BUDGET_TEST_LEDGER";
const ROUND: &str = "TOKEN_BUDGET_TEST_LEDGER_ROUND";
const ROUNDS: usize = 12;
const THREADS: usize = 4;

/// Not a test of its own: the process that is killed. Records in four threads, and says what is on the disk.
#[test]
fn child_that_is_killed() {
    let Ok(path) = std::env::var(PATH) else { return };
    let round = std::env::var(ROUND).unwrap();
    let ledger = open(Some(path.as_ref()));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (ledger, round) = (&ledger, &round);
            scope.spawn(move || {
                for count in 0.. {
                    let records: Vec<_> = (0..3).map(|one| usage(round, thread, count * 3 + one)).collect();
                    let ids: Vec<_> = records.iter().map(|record| record.id.clone()).collect();
                    assert_eq!(record(ledger, records), [Outcome::Recorded; 3]);
                    // Past the test harness, which keeps what is printed.
                    let _ = std::io::stderr().write_all(format!("{}\n", ids.join(" ")).as_bytes());
                }
            });
        }
    });
}

fn usage(round: &str, thread: usize, count: i64) -> Record {
    Record {
        id: format!("{round}-{thread}-{count}"),
        orchestrator_id: format!("team-{thread}"),
        session_id: format!("session-{}", count % 7),
        at_ms: 1_700_000_000_000 + count * 600_000,
        model_id: format!("model-{}", count % 3),
        input: count,
        output: 1,
        total: count + 1,
        currency: "USD".into(),
        priced: true,
        ..Record::default()
    }
}

fn start(path: &std::path::Path, round: usize) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "ledger::kill::child_that_is_killed", "--nocapture", "--test-threads=1"]);
    command.env(PATH, path).env(ROUND, round.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let folder = Folder::new();
    let path = folder.file("ledger.db");
    let mut acknowledged = HashSet::new();
    for round in 0..ROUNDS {
        let mut child = start(&path, round);
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut note = |line: String| acknowledged.extend(line.split(' ').map(str::to_owned));
        for _ in 0..10 + round * 5 {
            note(lines.next().unwrap().unwrap());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died counts, too; its last line may have been cut off.
        let rest: Vec<_> = lines.map_while(Result::ok).filter(|line| line.split(' ').count() == 3).collect();
        let cut = rest.len().saturating_sub(1);
        rest.into_iter().take(cut).for_each(&mut note);

        let ledger = open(Some(&path));
        let found = verified(&ledger);
        let records = paged(&ledger, &everything(), 100);
        let ids: HashSet<_> = records.iter().map(|record| record.id.clone()).collect();
        assert_eq!((ids.len(), found.records), (records.len(), records.len() as u64));
        assert!(acknowledged.is_subset(&ids), "round {round}");
        // Of each call that was under way, all or nothing.
        assert!(ids.len() <= acknowledged.len() + 3 * 2 * THREADS, "{} of {}", ids.len(), acknowledged.len());
        assert_eq!(ids.len() % 3, 0);
        acknowledged = ids;
        if round % 2 == 0 {
            close(&ledger);
        }
    }
}
