export const HELP = `Usage: token-budget <command> [options]

The command of @wundr.io/token-budget: token budgets for fleets of LLM agents.

Commands:
  replay [trace.csv]   brings a trace of LLM requests before a budget and tells
                       what would have been admitted; without a trace, the
                       synthetic sample of the package
  status               what is used, reserved and left in each window
  top                  who uses most, live
  statusline           one short line for a prompt
  override             more tokens for a while; lists and ends them
  release              ends reservations nobody will end; lists them
  report               tokens and cost over a time, from a ledger
  serve                a page about budgets, and /metrics

Options:
  -h, --help           this page; after a command, its own
  -v, --version        the version of the package

Exit codes:
  0    fine
  1    failure: no trace, no store, or (replay --strict) malformed rows
  2    called with wrong arguments
  3    status --fail-at: a window has reached that percentage
  130  interrupted by Ctrl-C, 143 by SIGTERM
`;

export const REPLAY_HELP = `Usage: token-budget replay [options] [trace.csv | -]

Brings each request of a trace before a budget, as fast as it can: reserves an
estimate in every period, then settles it with the tokens of the row. Reports
requests, tokens, windows, thresholds and speed. Without a trace it replays the
synthetic sample of the package; - reads standard input.

The trace is CSV with a header that names TIMESTAMP, ContextTokens (prompt) and
GeneratedTokens (completion), in any order. Times are UTC unless they name an
offset. A malformed row is reported on standard error with its line number and
counted; everything else is replayed.

Budget (absent: unlimited; 0 allows nothing; 5000000, 5_000_000, 5M, 200k):
  --hourly <tokens>        limit of a calendar hour
  --daily <tokens>         limit of a calendar day
  --monthly <tokens>       limit of a calendar month
  --threshold <list>       report these, as 0.5,0.9 or 50%,90%
                           (default 50%,75%,90%,100%)
  --time-zone <name>       where hours, days and months begin (default UTC)
  --orchestrator <id>      whose budget it is (default replay)
  --model <name>           what the tokens are attributed to (default trace)

Estimate, what is reserved before the completion is known:
  --estimate p90           prompt + a percentile of the completions settled so
                           far (default p90; 512 tokens until 20 were seen)
  --estimate mean          prompt + their mean
  --estimate prompt+<n>    prompt + n tokens
  --estimate x<factor>     prompt times a factor, such as x1.5
  --estimate exact         the row's own tokens, as if they were known
  A denied request is not settled: its tokens are reported as denied, and no
  estimate learns from it.

Store (default: embedded, in memory, rows in order, on the clock of the trace,
so that windows turn over as they did; a request is settled at the instant at
which it was reserved, for a trace does not tell how long it took):
  --redis <url>            redis://user:password@host:port/db, rediss:// for TLS
  --ca <file>              PEM of who signed the server's certificate
  --cluster                the address is a node of a Redis Cluster
  --sentinel <name>        the address is a Sentinel; the primary is called name
  --prefix <text>          begins every key (default: a new one for each run,
                           token-budget-replay:<random>)
  --concurrency <n>        requests in flight at once (default 256)
  --history <n>            usage records kept per window (default 0; a tracker's
                           own default is 100000)
  On Redis the server's clock decides: all requests count now, in the current
  windows, and the times of the trace are shifted so that the last row is now.
  Its keys are left to expire, at the latest with the month; only the index
  <prefix>:budget:expiring may stay, one small entry.

Output:
  --json                   one JSON object on standard output, see below
  --no-progress            no progress bar (drawn only on a terminal)
  --strict                 exit with 1 when rows were malformed
  -h, --help               this page

Operations are reservations and settlements. The self-check compares what the
tracker says in the end, window by window, with what was settled.

Fields of --json (tokens are exact integers, instants ISO 8601 in UTC):
  trace firstAt lastAt store address keyPrefix rebasedByMs orchestratorId
  timeZone estimate limits{hourly,daily,monthly: tokens or null}
  requests admitted denied deniedBy{hourly,daily,monthly} failed
  malformedRows malformed[{line,reason}] (the first 1000) outOfOrderRows
  promptTokens completionTokens totalTokens
  deniedPromptTokens deniedCompletionTokens deniedTotalTokens
  reservedTokens overageTokens
  windows[{period,startsAt,endsAt,promptTokens,completionTokens,totalTokens,
    limitTokens}]
  thresholds[{threshold,period,traceAt,rebasedAt,storeAt,usedTokens,
    reservedTokens,limitTokens}]
  selfCheck{agrees,differences} notes
  operations durationMs operationsPerSecond interrupted failure

Example:
  token-budget replay trace.csv --hourly 5M --daily 20M
`;
