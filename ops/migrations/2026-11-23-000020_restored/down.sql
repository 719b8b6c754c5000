alter table event_log drop column sequences_after;
