alter table replay_jobs drop column judged_from;
