set local search_path to quittance;

alter table replay_jobs drop column judged_from;
