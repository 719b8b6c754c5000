-- It only tells; nothing is derived from it.
drop table keys;
