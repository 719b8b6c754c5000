-- A replay that halted and was resumed went on without its stop rule for good. Now it keeps it, and is judged by
-- what is decided after the time that stands here: that of the last outcome before it was resumed.
--
-- A column without a default on a small table. A worker of the version before judges a resumed job by all of its
-- outcomes, and so halts it again: resume once all workers are new.

alter table replay_jobs add column judged_from integer;
