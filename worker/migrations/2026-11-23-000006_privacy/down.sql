-- Migrations go forward only; this one forgets every body that moved.
set local search_path to quittance;
drop trigger move_body on notifications;
drop function move_body();
drop table body_moves;
drop table tombstones;
drop table removed_bodies;
drop table bodies;
