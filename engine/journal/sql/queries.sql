-- The journal's named reads. `event.*` stands for the columns of that record, in the order of its fields: they are
-- spelt out when this file is loaded, so a column added by a later migration changes nothing here. Its code follows them.

-- name: new_events
-- What intake takes up next; the partial index holds only these rows.
SELECT event.* FROM event WHERE state = 'new' ORDER BY rowid LIMIT :limit;

-- name: open_counts
-- How many runs of each rule are open, read once at the start; the index alone answers it.
SELECT rule, count(*) FROM run INDEXED BY run_open WHERE state IN ('queued', 'running') GROUP BY rule;

-- name: queued_lanes
-- Where a run waits for its turn, read once at the start.
SELECT DISTINCT rule, key FROM run INDEXED BY run_queued WHERE state = 'queued';

-- name: open_runs
-- What goes on after a restart; the condition is word for word that of the partial index run_open.
SELECT run.* FROM run WHERE state IN ('queued', 'running') ORDER BY rowid LIMIT :limit;

-- name: open_runs_of_rule
-- What ends when a rule is removed.
SELECT run.* FROM run INDEXED BY run_open
WHERE rule = :rule AND state IN ('queued', 'running') ORDER BY rowid LIMIT :limit;

-- name: open_runs_of_lane
-- What a rule's mode decides on: the open runs with one key.
SELECT run.* FROM run INDEXED BY run_open
WHERE rule = :rule AND key = :key AND state IN ('queued', 'running') ORDER BY rowid LIMIT :limit;

-- name: inbox
-- What advances runs; rows are dropped when read, so the table stays small.
SELECT inbox.* FROM inbox ORDER BY rowid LIMIT :limit;

-- name: due_before
-- What is due now.
SELECT due.* FROM due WHERE at <= :at ORDER BY at, rowid LIMIT :limit;

-- name: next_due
-- When to wake up.
SELECT due.* FROM due ORDER BY at, rowid LIMIT :limit;

-- name: dues
-- What waits for one rule, run or trigger: keys begin with its name.
SELECT due.* FROM due WHERE key >= :first AND key < :beyond ORDER BY rowid;

-- name: effects_in_state
-- What the senders take up; asked once per state and merged by rowid, so that the index gives the order.
SELECT effect.*, effect.rowid FROM effect WHERE state = :state ORDER BY rowid LIMIT :limit;

-- name: newest_effects_in_state
-- The same for people, who read the newest first.
SELECT effect.*, effect.rowid FROM effect WHERE state = :state ORDER BY rowid DESC LIMIT :limit;

-- name: newest_effects
-- All sends, for people.
SELECT effect.* FROM effect ORDER BY rowid DESC LIMIT :limit;

-- name: effects_of_run
-- What one run asked of the outside world.
SELECT effect.* FROM effect INDEXED BY effect_run WHERE run = :run ORDER BY rowid DESC;

-- name: sends_to
-- What one person was sent since a time: what a look-up by likeness has to count.
SELECT effect.* FROM effect
WHERE recipient = :recipient AND recipient != '' AND created >= :since ORDER BY created DESC, rowid DESC LIMIT :limit;

-- name: send_with_id
-- The send that the other side knows by this id; asked when it says that one failed, and names nothing else.
SELECT effect.* FROM effect
WHERE state = 'accepted' AND connection = :connection
AND CASE WHEN json_valid(answer) THEN json_extract(answer, '$.id') END = :id ORDER BY rowid DESC LIMIT 1;

-- name: capped_effects
-- What counts against its rule's max_sends, read once at the start; the condition is that of the partial index.
SELECT effect.* FROM effect INDEXED BY effect_capped
WHERE caps <> 'null' AND send_by > :since AND state IN ('intent', 'accepted', 'unsure', 'dropped')
ORDER BY send_by;

-- name: memories
-- What every trigger remembers, read once at the start.
SELECT memory.* FROM memory ORDER BY rowid;

-- name: entities
-- All entities, read once at the start and by views.
SELECT entity.* FROM entity ORDER BY rowid;

-- name: rules
-- Which program each rule ran last.
SELECT rule.* FROM rule ORDER BY rowid;

-- name: problems
-- Everything that ever needed mending.
SELECT problem.* FROM problem ORDER BY rowid;

-- name: open_problems
-- What needs mending now.
SELECT problem.* FROM problem WHERE cleared IS NULL ORDER BY rowid;

-- name: commands
-- What people asked for from outside the daemon.
SELECT command.* FROM command ORDER BY rowid;

-- name: newest_runs
-- What happened lately.
SELECT run.* FROM run ORDER BY rowid DESC LIMIT :limit;

-- name: newest_runs_of_rule
-- What a rule did lately.
SELECT run.* FROM run INDEXED BY run_rule WHERE rule = :rule ORDER BY rowid DESC LIMIT :limit;

-- name: steps
-- A run's trace.
SELECT step.* FROM step WHERE run = :run ORDER BY seq;

-- name: waits
-- Which runs wait for a trigger, read once at the start.
SELECT wait.* FROM wait ORDER BY rowid;

-- name: history
-- How an entity stood over time, oldest first.
SELECT history.* FROM history WHERE entity = :entity AND at >= :since ORDER BY id LIMIT :limit;

-- name: old_history
-- What is older than it is kept for.
SELECT history.* FROM history INDEXED BY history_at WHERE at < :before ORDER BY at, id LIMIT :limit;
