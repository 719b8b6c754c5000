drop trigger keep_times_updated;
drop trigger keep_times_inserted;
drop index audit_by_subject;
