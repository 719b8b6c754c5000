drop index cases_by_transaction;
