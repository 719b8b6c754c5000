-- Erasing counts the cases about what it erases, by the order's numbers, for which there is an index, and by
-- transactions.

create index cases_by_transaction on cases (account, "transaction") where "transaction" is not null;
