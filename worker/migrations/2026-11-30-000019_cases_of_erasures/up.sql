-- Erasing counts the cases about what it erases, by the order's numbers and by transactions; until now each count
-- read the whole table, while nobody settled.
--
-- Two indexes on a table that is written where a case opens or ends: those wait while they are built, a second for
-- each million cases or so. Workers of the version before may go on, but they do not wait for whoever erases, nor
-- keep what a dead letter under a tombstone tells: finish the upgrade before you erase.

set local search_path to quittance;

create index cases_by_number on cases (order_number);
create index cases_by_transaction on cases (account, transaction) where transaction is not null;
