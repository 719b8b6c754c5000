set local search_path to quittance;

drop table compacted;
alter table receipts drop column lost_at;
drop index statements_open;
alter table statements drop column assumed;
alter table statements drop column fenced_to;
alter table statements drop column closed_to;
drop table fences;
alter table lanes drop column idles;
alter table lanes drop column beats;
alter table lanes drop column shard;
