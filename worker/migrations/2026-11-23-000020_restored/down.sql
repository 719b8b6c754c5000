set local search_path to quittance;

alter table event_log_end drop column sequences_after;
