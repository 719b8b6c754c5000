-- Migrations go forward only; this one forgets every body that moved.
drop table body_moves;
drop table tombstones;
drop table removed_bodies;
drop table bodies;
